package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.maintenance.CompactJob;
import org.i2lspark.jobs.storage.Storage;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code i2l manifest}: looks after the manifest's files. */
@Command(
        name = "manifest",
        mixinStandardHelpOptions = true,
        description = "Looks after the files of a manifest.",
        subcommands = ManifestCommand.CompactCommand.class)
final class ManifestCommand {

    /** {@code i2l manifest compact}: few files from many. */
    @Command(
            name = "compact",
            mixinStandardHelpOptions = true,
            description = {
                "Writes the many small files of a manifest together into few, all at once.",
                "Queries that are reading the old files " + "go on; 'i2l vacuum' removes them later.",
                ""
            },
            footer = {"", "Example:", "  i2l manifest compact --output s3a://loras/all"})
    static final class CompactCommand implements Callable<Integer> {
        @Mixin
        private OutputOptions output;

        @Option(names = "--dry-run", description = "Show how many files there are; write nothing.")
        private boolean dryRun;

        @Mixin
        private SparkOptions sparkOptions;

        @Spec
        private CommandSpec spec;

        @Override
        public Integer call() throws IOException {
            output.check();
            try (SparkSession spark = sparkOptions.start("i2l manifest compact")) {
                Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
                CompactJob.Report report = new CompactJob(spark, storage, output.layout(storage)).execute(dryRun);
                String result = report.filesAfter() == report.filesBefore()
                        ? dryRun ? "dry run: nothing was written" : "nothing to do"
                        : "now %d files".formatted(report.filesAfter());
                spec.commandLine()
                        .getOut()
                        .println(
                                "%d commits in %d files; %s".formatted(report.commits(), report.filesBefore(), result));
                spec.commandLine().getOut().flush();
                return 0;
            }
        }
    }
}
