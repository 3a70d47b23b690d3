package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.generate.GenerateJob;
import org.i2lspark.jobs.generate.ProgressDisplay;
import org.i2lspark.jobs.generate.RunSummary;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.storage.ImageSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code i2l generate}: the main job. */
@Command(
        name = "generate",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Makes a LoRA for each style of a catalog, and a Parquet manifest.",
            "",
            "A second run over an unchanged catalog writes nothing: a LoRA is made again only when its images, the checkpoints or the options change.",
            "A run that was killed is simply started again: what it finished is kept. Catalog, models and output may be local, "
                    + "hdfs: or s3a: URIs.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  i2l generate --catalog photos/ --models models/ --output out/",
            "  i2l generate --catalog s.parquet --models models/ --output out/ --dry-run",
            "  i2l generate --catalog s3a://photos/all --models s3a://models \\",
            "    --output s3a://loras/all --properties-file my.conf",
            "  i2l generate --catalog photos/ --models models/ --output out/ \\",
            "    --json --quiet | jq .styles_failed",
            "",
            "Exit codes: 0 done, 1 the run broke, 2 it cannot run as asked, 3 done but some styles failed (see --fail-on), 4 stopped by --max-failed-ratio."
        })
final class GenerateCommand implements Callable<Integer> {
    @Option(
            names = "--catalog",
            required = true,
            paramLabel = "URI",
            description = {
                "What to work on. A folder: each sub-folder with images is a style, an image directly in the folder is a style of its own.",
                "Or a .parquet, .csv, .tsv or .jsonl table with columns style_id, image and optionally brand, position."
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

    @Option(names = "--dry-run", description = "Show what would be done; write nothing, copy no checkpoints.")
    private boolean dryRun;

    @Option(
            names = "--retry-failed",
            description = {
                "Try styles again that failed before. Without it a style that failed for a lasting reason is tried again "
                        + "only when its images, the checkpoints or the options change."
            })
    private boolean retryFailed;

    @Option(
            names = "--max-failed-ratio",
            defaultValue = "1",
            paramLabel = "RATIO",
            description = "Stop the run when more than this share of the styles fails, such as 0.05. Default: never.")
    private double maxFailedRatio;

    @Option(
            names = "--fail-on",
            defaultValue = "any",
            paramLabel = "any|new|never",
            description = {
                "Which failed styles make the exit code 3: any, those whose failure is new since they were last in a run, "
                        + "or none. Default: ${DEFAULT-VALUE}."
            })
    private FailOn failOn;

    @Option(
            names = "--catalog-root",
            paramLabel = "DIR",
            description =
                    "Local images that a table names are only read below this folder. Default: the table's folder.")
    private String catalogRoot;

    @Option(
            names = "--allow-http",
            description = "Read images that a table names by http: or https: too, from public addresses only.")
    private boolean allowHttp;

    @Option(
            names = "--max-image-bytes",
            defaultValue = "104857600",
            paramLabel = "N",
            description = "Larger image files are refused. Default: ${DEFAULT-VALUE}.")
    private int maxImageBytes;

    @Mixin
    private SparkOptions sparkOptions;

    @Mixin
    private ReportOptions report;

    @Override
    public Integer call() throws Exception {
        GenerateOptions options = options();
        ProgressDisplay progress = report.progress();
        return Interruption.explained(
                System.err,
                "the LoRAs made so far are kept in %s; start the same command again to go on".formatted(output),
                progress::close,
                () -> run(options, progress));
    }

    private int run(GenerateOptions options, ProgressDisplay progress) throws IOException {
        try (SparkSession spark = sparkOptions.start("i2l generate", report);
                GenerateJob job = new GenerateJob(spark, options, progress, report::note)) {
            GenerateJob.Plan plan = job.plan(dryRun);
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("dry_run", dryRun);
            facts.put("plan", plan.facts());
            report.announce(plan.text());
            if (dryRun) {
                report.document(facts);
                report.say("Dry run: nothing was written.");
                return 0;
            }
            RunSummary summary = job.execute(plan);
            facts.putAll(summary.facts());
            report.document(facts);
            report.say(summary.text().stripTrailing());
            return failOn.fails(summary) ? Main.STYLES_FAILED : 0;
        }
    }

    private GenerateOptions options() throws IOException {
        Locations.require("--catalog", catalog);
        Locations.require("--models", model.models());
        Locations.require("--output", output);
        if (maxFailedRatio < 0 || maxFailedRatio > 1) {
            throw new UnusableException("Invalid --max-failed-ratio: %s (expected 0 to 1)".formatted(maxFailedRatio));
        }
        if (maxImageBytes < 1) {
            throw new UnusableException("Invalid --max-image-bytes: %d (expected 1 or more)".formatted(maxImageBytes));
        }
        String root = catalogRoot == null
                ? null
                : Path.of(catalogRoot).toAbsolutePath().toString();
        ImageSource.Rules rules = new ImageSource.Rules(allowHttp, root, null, maxImageBytes);
        GenerateOptions options = model.toOptions(catalog, output, rules, retryFailed, maxFailedRatio);
        LocalPlaces places = new LocalPlaces(sparkOptions.settings());
        places.requireCatalog(catalog);
        places.requireModels(model.models());
        places.requireWritable(output);
        return options;
    }
}
