package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.generate.GenerateJob;
import org.i2lspark.jobs.generate.PreviewJob;
import org.i2lspark.jobs.generate.PreviewSummary;
import org.i2lspark.jobs.generate.ProgressDisplay;
import org.i2lspark.jobs.generate.RunSummary;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.options.PreviewSpec;
import org.i2lspark.jobs.worker.PictureOrder;
import org.i2lspark.model.BaseModel;
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
            "  i2l generate --catalog photos/ --models models/ --output out/ \\",
            "    --model qwen-image,z-image",
            "  i2l generate --catalog s3a://photos/all --models s3a://models \\",
            "    --output s3a://loras/all --properties-file my.conf",
            "  i2l generate --catalog photos/ --models models/ --output out/ \\",
            "    --json --quiet | jq .styles_failed",
            "",
            "Exit codes: 0 done, 1 the run broke, 2 it cannot run as asked, 3 done but some styles failed (see --fail-on), 4 stopped by --max-failed-ratio."
        })
final class GenerateCommand implements Callable<Integer> {
    @Mixin
    private GenerateOptions options;

    @Option(
            names = "--previews",
            paramLabel = "FILE",
            description = {
                "Then make previews, as 'i2l previews' does; models must hold Qwen/Qwen-Image/. " + PreviewOptions.HELP
            })
    private String previews;

    @Option(names = "--dry-run", description = "Show what would be done; write nothing, copy no checkpoints.")
    private boolean dryRun;

    @Mixin
    private SparkOptions sparkOptions;

    @Mixin
    private ReportOptions report;

    @Override
    public Integer call() throws Exception {
        check();
        Optional<PreviewSpec> spec = previews == null
                ? Optional.empty()
                : Optional.of(PreviewOptions.read(previews, sparkOptions.settings()));
        ProgressDisplay progress = report.progress();
        return Interruption.explained(
                System.err,
                "the LoRAs made so far are kept in %s; start the same command again to go on"
                        .formatted(options.run().output()),
                progress::close,
                () -> run(spec, progress));
    }

    private int run(Optional<PreviewSpec> spec, ProgressDisplay progress) throws IOException {
        try (SparkSession spark = sparkOptions.start("i2l generate", report);
                GenerateJob job = GenerateJob.ofImages(spark, options, progress, report::note)) {
            Optional<Previews> previewsAfter = Optional.empty();
            if (spec.isPresent()) {
                previewsAfter = Optional.of(previews(spark, spec.get()));
            }
            List<BaseModel> others = options.run().stack().baseModels();
            others = others.subList(1, others.size());
            for (BaseModel other : others) {
                job.requireDecodable(other);
            }
            GenerateJob.Plan plan = dryRun ? job.foresee() : job.plan();
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("dry_run", dryRun);
            facts.put("plan", plan.facts());
            report.announce(plan.text());
            for (BaseModel other : others) {
                report.announce("Then LoRAs for %s, of the same embeddings%n".formatted(other.id()));
            }
            if (spec.isPresent()) {
                long atMost = PreviewJob.atMost(plan.styles(), spec.get());
                facts.put("previews_at_most", atMost);
                report.announce("Previews: at most %d%n".formatted(atMost));
            }
            if (dryRun) {
                report.document(facts);
                report.say("Dry run: nothing was written.");
                return 0;
            }
            RunSummary summary = job.execute(plan);
            facts.putAll(summary.facts());
            report.say(summary.text().stripTrailing());
            boolean failed = failed(summary);
            if (!others.isEmpty() && summary.counts().done() + summary.counts().skipped() > 0) {
                List<RunSummary> decoded = decode(spark, others);
                facts.put("decoded", decoded.stream().map(RunSummary::facts).toList());
                failed |= decoded.stream().anyMatch(this::failed);
            }
            if (previewsAfter.isPresent()) {
                PreviewSummary made = previewsAfter.get().make();
                facts.put("previews", made.facts());
                report.say(made.text().stripTrailing());
                failed |= made.counts().failed() > 0;
            }
            report.document(facts);
            return failed ? Main.STYLES_FAILED : 0;
        }
    }

    /** Makes LoRAs for other models of the embeddings that the output holds by now. */
    private List<RunSummary> decode(SparkSession spark, List<BaseModel> others) throws IOException {
        List<RunSummary> summaries = new ArrayList<>();
        for (BaseModel other : others) {
            try (GenerateJob job = GenerateJob.ofEmbeddings(
                    spark, options.run().output(), options.run(), other, report.progress(), report::note)) {
                RunSummary summary = job.execute(job.plan());
                report.say("%s:%n%s".formatted(other.id(), summary.text().stripTrailing()));
                summaries.add(summary);
            }
        }
        return summaries;
    }

    /** Previews that an executor could make, and how. */
    private record Previews(PreviewJob job, PictureOrder order) {
        PreviewSummary make() throws IOException {
            return job.execute(job.plan(order));
        }
    }

    /** To be called before LoRAs are made, so that what cannot be is told then. */
    private Previews previews(SparkSession spark, PreviewSpec spec) throws IOException {
        PreviewJob job = new PreviewJob(
                spark,
                options.run().output(),
                options.run().stack().compute().forPictures(),
                spec,
                report.progress(),
                report::note);
        return new Previews(job, dryRun ? job.outlook() : job.preflight());
    }

    private boolean failed(RunSummary summary) {
        return summary.fails(options.run().failures().failOn());
    }

    /** Whatever can be told before Spark is started. */
    private void check() throws IOException {
        String catalog = options.catalog().catalog();
        Locations.require("--catalog", catalog);
        Locations.require("--models", options.run().stack().compute().models());
        Locations.require("--output", options.run().output());
        options.check();
        List<BaseModel> baseModels = options.run().stack().baseModels();
        if (previews != null && !baseModels.contains(BaseModel.QWEN_IMAGE)) {
            throw new UnusableException("Invalid --previews: pictures are made with %s (expected none with --model %s)"
                    .formatted(
                            BaseModel.QWEN_IMAGE.transformer(),
                            baseModels.stream().map(BaseModel::id).collect(Collectors.joining(","))));
        }
        LocalPlaces places = new LocalPlaces(sparkOptions.settings());
        places.requireCatalog(catalog);
        places.requireModels(options.run().stack().compute().models());
        places.requireWritable(options.run().output());
    }
}
