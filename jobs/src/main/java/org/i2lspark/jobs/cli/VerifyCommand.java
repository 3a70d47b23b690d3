package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.maintenance.VerifyJob;
import org.i2lspark.jobs.storage.Storage;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code i2l verify}: whether the LoRAs are as the manifest says. */
@Command(
        name = "verify",
        mixinStandardHelpOptions = true,
        description = {
            "Checks an output: the manifest's files are what was committed; each LoRA that it names is there, with its size, its SHA-256, "
                    + "a valid header and a receipt; each receipt can be read; each preview that it names is there, with its size and its SHA-256; "
                    + "each LoRA and preview that is there is named. All LoRAs and previews are read.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  i2l verify --output s3a://loras/all",
            "  i2l verify --output out/ --json --quiet | jq .findings_by_kind",
            "",
            "Exit codes: 0 all is well, 1 the check broke, 2 it cannot run as asked, 3 something is not as it should be."
        })
final class VerifyCommand implements Callable<Integer> {
    private static final int MAX_LISTED = 20;

    @Mixin
    private OutputOptions output;

    @Option(
            names = "--repair",
            description =
                    "Remove damaged LoRAs, receipts and previews, and set damaged runs of the manifest aside (in _i2l/damaged); generate then makes again what is missing. Not beside a living run.")
    private boolean repair;

    @Mixin
    private SparkOptions sparkOptions;

    @Mixin
    private ReportOptions report;

    @Override
    public Integer call() throws IOException {
        output.check();
        try (SparkSession spark = sparkOptions.start("i2l verify", report)) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            VerifyJob job = new VerifyJob(spark, storage, output.layout(storage));
            VerifyJob.Report found = repair ? job.repair() : job.execute();
            report.document(found.facts());
            report.say(String.format(
                    Locale.ROOT,
                    "LoRAs named by the manifest: %d, %.1f MB; previews: %d",
                    found.loras(),
                    found.bytes() / 1e6,
                    found.previews()));
            if (found.isClean()) {
                report.say("All are there, with their hashes and valid headers, and there are no others.");
                return 0;
            }
            found.counts().forEach((kind, count) -> report.say("%s: %d".formatted(kind.id(), count)));
            found.findings().stream()
                    .limit(MAX_LISTED)
                    .forEach(finding -> report.say(
                            "  [%s] %s: %s".formatted(finding.kind().id(), finding.path(), finding.detail())));
            if (found.total() > MAX_LISTED) {
                report.say("  … and %d more".formatted(found.total() - MAX_LISTED));
            }
            report.say(
                    repair
                            ? "%d damaged files were removed or set aside. Run generate again, or previews: it makes what is missing and takes up what no row names."
                                    .formatted(found.removed())
                            : "Run generate again, or previews: it makes again what is missing or damaged and takes up what no row names. Damage to the manifest: 'i2l verify --repair' first.");
            return Main.STYLES_FAILED;
        }
    }
}
