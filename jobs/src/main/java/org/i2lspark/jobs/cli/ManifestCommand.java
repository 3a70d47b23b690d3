package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.maintenance.CompactJob;
import org.i2lspark.jobs.storage.Storage;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

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

        @Mixin
        private ReportOptions report;

        @Override
        public Integer call() throws IOException {
            output.check();
            try (SparkSession spark = sparkOptions.start("i2l manifest compact", report)) {
                Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
                CompactJob.Report done =
                        new CompactJob(spark, storage, output.layout(storage), report::note).execute(dryRun);
                Map<String, Object> facts = new LinkedHashMap<>();
                facts.put("dry_run", dryRun);
                facts.putAll(done.facts());
                report.document(facts);
                String result = done.filesAfter() == done.filesBefore()
                        ? dryRun ? "dry run: nothing was written" : "nothing to do"
                        : "now %d files".formatted(done.filesAfter());
                report.say("%d commits in %d files; %s".formatted(done.commits(), done.filesBefore(), result));
                return 0;
            }
        }
    }
}
