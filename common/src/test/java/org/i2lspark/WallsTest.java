package org.i2lspark;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What may know of what; docs/architecture.md says why. */
class WallsTest {
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
                        "org.i2lspark.decoder")
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
                .resideInAnyPackage("org.i2lspark.encoder", "org.i2lspark.decoder")
                .check(classes);
    }
}
