package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.maintenance.VerifyJob;
import org.i2lspark.jobs.storage.Storage;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code i2l verify}: whether the LoRAs are as the manifest says. */
@Command(
        name = "verify",
        mixinStandardHelpOptions = true,
        description = {
            "Checks an output: each LoRA that the manifest names is there, with its size, its SHA-256 and a valid header; "
                    + "each LoRA that is there is named. All LoRAs are read.",
            ""
        },
        footer = {
            "",
            "Example:",
            "  i2l verify --output s3a://loras/all",
            "",
            "Exit codes: 0 all is well, 1 the check broke, 2 it cannot run as asked, 3 something is not as it should be."
        })
final class VerifyCommand implements Callable<Integer> {
    @Mixin
    private OutputOptions output;

    @Mixin
    private SparkOptions sparkOptions;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        output.check();
        PrintWriter out = spec.commandLine().getOut();
        try (SparkSession spark = sparkOptions.start("i2l verify")) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            VerifyJob.Report report = new VerifyJob(spark, storage, output.layout(storage)).execute();
            out.println(String.format(
                    Locale.ROOT, "LoRAs named by the manifest: %d, %.1f MB", report.loras(), report.bytes() / 1e6));
            if (report.isClean()) {
                out.println("All are there, with their hashes and valid headers, and there are no others.");
                return 0;
            }
            report.counts()
                    .forEach((kind, count) ->
                            out.println("%s: %d".formatted(kind.name().toLowerCase(Locale.ROOT), count)));
            report.findings()
                    .forEach(finding -> out.println("  [%s] %s: %s"
                            .formatted(
                                    finding.kind().name().toLowerCase(Locale.ROOT), finding.uri(), finding.detail())));
            out.println(
                    "Run generate again: it makes what is missing and takes up what no row names. 'i2l vacuum' removes the rest.");
            return Main.STYLES_FAILED;
        }
    }
}
