package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.generate.GenerateJob;
import org.i2lspark.jobs.generate.GenerateOptions;
import org.i2lspark.jobs.generate.RunSummary;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code i2l generate}: the main job. */
@Command(
        name = "generate",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Makes a LoRA for each style of a catalog, and a Parquet manifest.",
            "",
            "A second run over an unchanged catalog writes nothing: a LoRA is made again only when its images, the checkpoints or the options change.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  i2l generate --catalog photos/ --models models/ --output out/",
            "  i2l generate --catalog s.parquet --models models/ --output out/ --dry-run",
            "",
            "Exit codes: 0 done, 1 the run broke, 2 it cannot run as asked, 3 done but some styles failed."
        })
final class GenerateCommand implements Callable<Integer> {
    @Option(
            names = "--catalog",
            required = true,
            paramLabel = "URI",
            description = {
                "What to work on. A folder: each sub-folder with images is a style, an image directly in the folder is a style of its own.",
                "Or a .parquet, .csv or .jsonl table with columns style_id, image and optionally brand, position."
            })
    private String catalog;

    @Mixin
    private ModelOptions model;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "URI",
            description = "Folder for loras/ and manifest/; made if need be.")
    private String output;

    @Option(names = "--dry-run", description = "Show what would be done; write nothing.")
    private boolean dryRun;

    @Option(
            names = "--master",
            paramLabel = "URL",
            description = "Where Spark runs. Default: embedded, on all cores of this machine.")
    private String master;

    @Option(names = "--conf", paramLabel = "KEY=VALUE", description = "A setting for Spark; may be repeated.")
    private Map<String, String> settings = new TreeMap<>();

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        GenerateOptions options = model.toOptions(catalog, output);
        PrintWriter out = spec.commandLine().getOut();
        PrintStream log = System.err;
        try (SparkSession spark = Sessions.start("i2l generate", master, settings)) {
            GenerateJob job = new GenerateJob(spark, options, log, Boolean.getBoolean("i2l.terminal"));
            GenerateJob.Plan plan = job.plan();
            out.print(plan.text());
            out.flush();
            if (dryRun) {
                out.println("Dry run: nothing was written.");
                return 0;
            }
            RunSummary summary = job.execute(plan);
            out.print(summary.text());
            out.flush();
            return summary.failed() > 0 ? Main.STYLES_FAILED : 0;
        }
    }
}
