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
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code i2l verify}: whether the LoRAs are as the manifest says. */
@Command(
        name = "verify",
        mixinStandardHelpOptions = true,
        description = {
            "Checks an output: the manifest's files are whole; each LoRA that it names is there, with its size, its SHA-256, "
                    + "a valid header and a receipt; each LoRA that is there is named. All LoRAs are read.",
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

    @Option(
            names = "--repair",
            description =
                    "Remove damaged LoRAs and receipts, and set damaged runs of the manifest aside (in _i2l/damaged); generate then makes again what is missing.")
    private boolean repair;

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
            VerifyJob job = new VerifyJob(spark, storage, output.layout(storage));
            VerifyJob.Report report = repair ? job.repair() : job.execute();
            out.println(String.format(
                    Locale.ROOT, "LoRAs named by the manifest: %d, %.1f MB", report.loras(), report.bytes() / 1e6));
            if (report.isClean()) {
                out.println("All are there, with their hashes and valid headers, and there are no others.");
                return 0;
            }
            report.counts().forEach((kind, count) -> out.println("%s: %d".formatted(kind.id(), count)));
            report.findings()
                    .forEach(finding -> out.println(
                            "  [%s] %s: %s".formatted(finding.kind().id(), finding.path(), finding.detail())));
            out.println(
                    repair
                            ? "%d damaged files were removed or set aside. Run generate again: it makes what is missing and takes up what no row names."
                                    .formatted(report.removed())
                            : "Run generate again: it makes again what is missing or damaged and takes up what no row names. Damage to the manifest: 'i2l verify --repair' first.");
            return Main.STYLES_FAILED;
        }
    }
}
