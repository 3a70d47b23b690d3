package org.i2lspark.jobs;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.ArchConfiguration;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethodCall;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.util.Set;
import org.i2lspark.BatchShape;
import org.i2lspark.Version;
import org.i2lspark.jobs.cli.Main;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What may know of what; docs/architecture.md says why. */
class WallsTest {
    private static final String JOBS = "org.i2lspark.jobs";
    private static final Set<String> WRITES =
            Set.of("create", "createFile", "append", "delete", "rename", "mkdirs", "concat", "truncate");

    private static JavaClasses classes;

    @BeforeAll
    static void read() {
        ArchConfiguration.get().setResolveMissingDependenciesFromClassPath(false);
        classes = new ClassFileImporter()
                .importUrl(Main.class.getProtectionDomain().getCodeSource().getLocation());
    }

    @Test
    void eachPackageKnowsOnlyWhatLiesBelowIt() {
        layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .layer("root")
                .definedBy(JOBS)
                .layer("storage")
                .definedBy(JOBS + ".storage")
                .layer("catalog")
                .definedBy(JOBS + ".catalog")
                .layer("output")
                .definedBy(JOBS + ".output")
                .layer("options")
                .definedBy(JOBS + ".options")
                .layer("worker")
                .definedBy(JOBS + ".worker")
                .layer("generate")
                .definedBy(JOBS + ".generate")
                .layer("serve")
                .definedBy(JOBS + ".serve")
                .layer("frame")
                .definedBy(JOBS + ".frame")
                .layer("maintenance")
                .definedBy(JOBS + ".maintenance")
                .layer("cli")
                .definedBy(JOBS + ".cli")
                .layer("bench")
                .definedBy(JOBS + ".bench")
                .whereLayer("root")
                .mayNotAccessAnyLayer()
                .whereLayer("storage")
                .mayOnlyAccessLayers("root")
                .whereLayer("catalog")
                .mayOnlyAccessLayers("root", "storage")
                .whereLayer("output")
                .mayOnlyAccessLayers("root", "storage", "options")
                .whereLayer("options")
                .mayOnlyAccessLayers("root", "storage", "catalog")
                .whereLayer("worker")
                .mayOnlyAccessLayers("root", "storage", "catalog", "output", "options")
                .whereLayer("generate")
                .mayOnlyAccessLayers("root", "storage", "catalog", "output", "options", "worker")
                .whereLayer("serve")
                .mayOnlyAccessLayers("root", "storage", "output", "worker")
                .whereLayer("frame")
                .mayOnlyAccessLayers("root", "storage", "output", "options", "worker", "generate")
                .whereLayer("maintenance")
                .mayOnlyAccessLayers("root", "storage", "output")
                .whereLayer("bench")
                .mayNotBeAccessedByAnyLayer()
                .ignoreDependency(type(Main.class), resideInAPackage(JOBS + ".bench"))
                .check(classes);
    }

    /** Else a file could be seen before it is whole, or an output lose what only its package may remove. */
    @Test
    void onlyStorageWritesAndDeletes() {
        noClasses()
                .that()
                .resideOutsideOfPackage(JOBS + ".storage")
                .should()
                .callMethodWhere(DescribedPredicate.describe(
                        "it changes a file system of Hadoop's",
                        (JavaMethodCall call) ->
                                call.getTargetOwner().getPackageName().equals("org.apache.hadoop.fs")
                                        && WRITES.contains(call.getName())))
                .check(classes);
    }

    @Test
    void onlyWorkersAndCommandsRunTheStack() {
        noClasses()
                .that()
                .resideOutsideOfPackages(JOBS + ".worker", JOBS + ".cli", JOBS + ".bench")
                .should()
                .dependOnClassesThat(resideInAPackage("org.i2lspark")
                        .and(not(type(Version.class)))
                        .and(not(type(BatchShape.class)))
                        .or(resideInAPackage("org.i2lspark.decoder"))
                        .as("are the stack"))
                .check(classes);
    }

    @Test
    void onlyCommandsAndOptionsKnowTheCommandLine() {
        noClasses()
                .that()
                .resideOutsideOfPackages(JOBS + ".cli", JOBS + ".options", JOBS + ".bench")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("picocli..")
                .check(classes);
    }
}
