package org.i2lspark;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What may know of what; docs/architecture.md says why. */
class WallsTest {
    private static final Pattern OPTION =
            Pattern.compile("spark\\.i2l|\"[^\"]*--(?!id=|query-gpu=|format=csv)[a-z]|I2L_JAVA_OPTS");

    private static JavaClasses classes;

    @BeforeAll
    static void read() {
        ArchConfiguration.get().setResolveMissingDependenciesFromClassPath(false);
        classes = new ClassFileImporter()
                .importUrl(
                        ImageToLora.class.getProtectionDomain().getCodeSource().getLocation());
    }

    @Test
    void packagesBuildOnEachOtherInOneDirection() {
        slices().matching("org.i2lspark.(**)").should().beFreeOfCycles().check(classes);
    }

    @Test
    void nothingKnowsOfSparkOrHadoop() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.apache.spark..", "org.apache.hadoop..", "scala..")
                .check(classes);
    }

    @Test
    void onlyTheStackAsAWholeKnowsWhichFilesMakeUpAModel() {
        noClasses()
                .that()
                .resideInAnyPackage(
                        "org.i2lspark.safetensors",
                        "org.i2lspark.image..",
                        "org.i2lspark.torch",
                        "org.i2lspark.encoder",
                        "org.i2lspark.lora",
                        "org.i2lspark.decoder",
                        "org.i2lspark.tokenizer",
                        "org.i2lspark.diffusion")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.i2lspark.model", "org.i2lspark")
                .check(classes);
    }

    /** LoRA files are converted, merged and reduced, and images decoded, without it. */
    @Test
    void filesAndImagesKnowNothingOfTheNetworks() {
        noClasses()
                .that()
                .resideInAnyPackage("org.i2lspark.safetensors", "org.i2lspark.image..", "org.i2lspark.lora")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.i2lspark.encoder", "org.i2lspark.decoder", "org.i2lspark.diffusion")
                .check(classes);
    }

    @Test
    void theTokenizerBuildsOnNothing() {
        noClasses()
                .that()
                .resideInAPackage("org.i2lspark.tokenizer")
                .should()
                .dependOnClassesThat(JavaClass.Predicates.resideInAnyPackage("org.i2lspark..")
                        .and(DescribedPredicate.not(JavaClass.Predicates.resideInAPackage("org.i2lspark.tokenizer"))))
                .check(classes);
    }

    /** Of the class path of a process that decodes, an executor knows only the jar of the application. */
    @Test
    void whatDecodesNeedsNoLogger() {
        noClasses()
                .that()
                .resideInAPackage("org.i2lspark.image")
                .or()
                .haveFullyQualifiedName("org.i2lspark.image.isolated.DecoderMain")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.slf4j..")
                .check(classes);
    }

    @Test
    void theLibraryNamesNoOptionOfTheCommandsThatUseIt() throws IOException {
        try (Stream<Path> files = Files.walk(Path.of("src/main/java"))) {
            List<Path> sources =
                    files.filter(file -> file.toString().endsWith(".java")).toList();
            assertThat(sources).isNotEmpty();
            for (Path source : sources) {
                assertThat(Files.readAllLines(source))
                        .as(source.toString())
                        .noneMatch(line -> OPTION.matcher(line).find());
            }
        }
    }
}
