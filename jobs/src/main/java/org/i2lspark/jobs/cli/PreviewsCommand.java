package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.generate.PreviewJob;
import org.i2lspark.jobs.generate.PreviewSummary;
import org.i2lspark.jobs.generate.ProgressDisplay;
import org.i2lspark.jobs.options.PictureStackOptions;
import org.i2lspark.jobs.options.PreviewSpec;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code i2l previews}: pictures of what the LoRAs of an output do. */
@Command(
        name = "previews",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Makes pictures with the LoRAs of an output, into its folder previews/, and rows about them in its manifest.",
            "",
            "Of each prompt there is one picture for each style, and one without a style's LoRA to compare with. A picture is made again "
                    + "only when its LoRA, its prompt, the settings or the checkpoints change; a run that was killed is simply started again.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  i2l previews --output out/ --models models/",
            "  i2l previews --output s3a://loras/all --models s3a://models \\",
            "    --previews previews.yaml --dry-run",
            "",
            "Exit codes: 0 done, 1 the run broke, 2 it cannot run as asked, 3 done but some previews failed."
        })
final class PreviewsCommand implements Callable<Integer> {
    @Option(names = "--output", required = true, paramLabel = "URI", description = "The --output of a run of generate.")
    private String output;

    @Mixin
    private PictureStackOptions stack;

    @Option(names = "--previews", paramLabel = "FILE", description = PreviewOptions.HELP)
    private String previews;

    @Option(
            names = "--dry-run",
            description = "Show how many pictures would be made at most; write nothing, copy no checkpoints.")
    private boolean dryRun;

    @Mixin
    private SparkOptions sparkOptions;

    @Mixin
    private ReportOptions report;

    @Override
    public Integer call() throws Exception {
        Locations.require("--output", output);
        Locations.require("--models", stack.models());
        new LocalPlaces(sparkOptions.settings()).requireModels(stack.models());
        PreviewSpec spec =
                previews == null ? PreviewSpec.usual() : PreviewOptions.read(previews, sparkOptions.settings());
        ProgressDisplay progress = report.progress();
        return Interruption.explained(
                System.err,
                "the previews made so far are kept in %s; start the same command again to go on".formatted(output),
                progress::close,
                () -> run(spec, progress));
    }

    private int run(PreviewSpec spec, ProgressDisplay progress) throws IOException {
        try (SparkSession spark = sparkOptions.start("i2l previews", report)) {
            PreviewJob job = new PreviewJob(spark, output, stack.choice(), spec, progress, report::note);
            PreviewJob.Plan plan = dryRun ? job.foresee() : job.plan();
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("dry_run", dryRun);
            facts.put("plan", plan.facts());
            report.announce(plan.text());
            if (dryRun) {
                report.document(facts);
                report.say("Dry run: nothing was written.");
                return 0;
            }
            PreviewSummary summary = job.execute(plan);
            facts.putAll(summary.facts());
            report.document(facts);
            report.say(summary.text().stripTrailing());
            return summary.counts().failed() > 0 ? Main.STYLES_FAILED : 0;
        }
    }
}
