package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.generate.GenerateJob;
import org.i2lspark.jobs.generate.ProgressDisplay;
import org.i2lspark.jobs.generate.RunSummary;
import org.i2lspark.jobs.options.DecodeOptions;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code i2l decode}: LoRAs of embeddings that a manifest holds. */
@Command(
        name = "decode",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Makes LoRAs of the embeddings that the manifest of an output holds: for another model, of another rank, type or format.",
            "",
            "No image is read and no encoder loaded. Each style is taken that could be embedded when it was last in a run. LoRAs are those that "
                    + "generate makes of the same images with the same options, byte for byte where --reproducible was and is given. "
                    + "Coarse and fine need more than embeddings: make them with generate.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  i2l decode --from out/ --models models/ --model z-image --output out/",
            "  i2l decode --from s3a://loras/all --models s3a://models --rank 8 \\",
            "    --output s3a://loras/rank8 --properties-file my.conf",
            "",
            "Exit codes: 0 done, 1 the run broke, 2 it cannot run as asked, 3 done but some styles failed (see --fail-on), 4 stopped by --max-failed-ratio."
        })
final class DecodeCommand implements Callable<Integer> {
    @Mixin
    private DecodeOptions options;

    @Option(names = "--dry-run", description = "Show what would be done; write nothing, copy no checkpoints.")
    private boolean dryRun;

    @Mixin
    private SparkOptions sparkOptions;

    @Mixin
    private ReportOptions report;

    @Override
    public Integer call() throws Exception {
        Locations.require("--from", options.from());
        Locations.require("--models", options.run().stack().compute().models());
        Locations.require("--output", options.run().output());
        options.check();
        LocalPlaces places = new LocalPlaces(sparkOptions.settings());
        places.requireModels(options.run().stack().compute().models());
        places.requireWritable(options.run().output());
        ProgressDisplay progress = report.progress();
        return Interruption.explained(
                System.err,
                "the LoRAs made so far are kept in %s; start the same command again to go on"
                        .formatted(options.run().output()),
                progress::close,
                () -> run(progress));
    }

    private int run(ProgressDisplay progress) throws IOException {
        try (SparkSession spark = sparkOptions.start("i2l decode", report);
                GenerateJob job = GenerateJob.ofEmbeddings(
                        spark,
                        options.from(),
                        options.run(),
                        options.run().stack().baseModel(),
                        progress,
                        report::note)) {
            GenerateJob.Plan plan = dryRun ? job.foresee() : job.plan();
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
            report.say(summary.text().stripTrailing());
            report.document(facts);
            return summary.fails(options.run().failures().failOn()) ? Main.STYLES_FAILED : 0;
        }
    }
}
