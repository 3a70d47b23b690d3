package org.i2lspark.jobs.generate;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.Version;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.catalog.Catalog;
import org.i2lspark.jobs.catalog.PassedOver;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.options.CatalogOptions;
import org.i2lspark.jobs.options.ComputeOptions;
import org.i2lspark.jobs.options.DecodeOptions;
import org.i2lspark.jobs.options.FailureOptions;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.options.ImageLimits;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.options.ModelChoice;
import org.i2lspark.jobs.options.RunOptions;
import org.i2lspark.jobs.output.Failure.Kind;
import org.i2lspark.jobs.output.Heartbeat;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.Manifest.StagedRun;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.Rows;
import org.i2lspark.jobs.output.Runs;
import org.i2lspark.jobs.output.Upkeep;
import org.i2lspark.jobs.storage.ImageSource;
import org.i2lspark.jobs.storage.ShippedStorage;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.Assignment;
import org.i2lspark.jobs.worker.Counters;
import org.i2lspark.jobs.worker.EmbeddingOrigin;
import org.i2lspark.jobs.worker.GenerateTask;
import org.i2lspark.jobs.worker.GpuStage;
import org.i2lspark.jobs.worker.PartResult;
import org.i2lspark.jobs.worker.RunIdentity;
import org.i2lspark.jobs.worker.SharedStacks;
import org.i2lspark.jobs.worker.StyleCounts;
import org.i2lspark.jobs.worker.WorkOrder;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.ModelInput;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Function2;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;
import scala.runtime.BoxedUnit;

/** The main job: a catalog of style images, or the embeddings of an earlier run, become LoRA files and a manifest. */
public final class GenerateJob implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GenerateJob.class);

    private final SparkSession spark;
    private final Orders orders;
    private final Source source;
    private final Storage storage;
    private final Consumer<String> log;
    private final ProgressDisplay display;
    private final String runId;
    private final OutputLayout layout;
    private final Path scratch;
    private final Manifest manifest;
    private final Catalog catalog;

    /**
     * What is asked for.
     *
     * @param output as it was named
     * @param form of the LoRAs
     * @param told the options as a manifest shows them
     */
    private record Orders(
            ComputeOptions compute,
            ModelChoice choice,
            String output,
            LoraForm form,
            FailureOptions failures,
            Map<String, String> told) {}

    /**
     * What there is to work on.
     *
     * @param rules which images may be read
     * @param limits what images are held to
     * @param embeddings what made them; null where images are embedded in this run
     */
    private record Source(Catalog catalog, ImageSource.Rules rules, ImageLimits limits, EmbeddingOrigin embeddings) {
        static Source of(SparkSession spark, Storage storage, CatalogOptions options, ImageLimits limits)
                throws IOException {
            storage.requireReachable(new Path(options.catalog()), "catalog");
            spark.sparkContext().setJobDescription("i2l: read catalog " + options.catalog());
            Catalog catalog = Catalog.read(spark, storage, options.catalog());
            return new Source(catalog, options.rules(catalog, limits), limits, null);
        }
    }

    private GenerateJob(
            SparkSession spark,
            Storage storage,
            Orders orders,
            Source source,
            ProgressDisplay display,
            Consumer<String> log)
            throws IOException {
        this.spark = spark;
        this.orders = orders;
        this.source = source;
        this.catalog = source.catalog;
        this.storage = storage;
        this.log = log;
        this.display = display;
        this.runId = Runs.newId();
        this.layout = layout(storage, orders.output);
        this.scratch = layout.run(runId);
        this.manifest = new Manifest(spark, storage, layout.output());
    }

    /**
     * A run over a catalog of images that has not begun: the catalog is read, nothing is written. LoRAs are for the first of
     * the models that were named.
     *
     * @param display takes progress; it is closed when the work is done
     * @param log takes lines that a person should read
     * @throws UnusableException if the catalog cannot be used
     * @throws IOException if there is no file system for the output's URI
     */
    public static GenerateJob ofImages(
            SparkSession spark, GenerateOptions options, ProgressDisplay display, Consumer<String> log)
            throws IOException {
        Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
        RunOptions run = options.run();
        requireReachable(storage, run.stack().compute(), run.output());
        Source source = Source.of(spark, storage, options.catalog(), options.limits());
        Orders orders = new Orders(
                run.stack().compute(),
                run.stack().choice(run.stack().baseModels().get(0), ModelInput.IMAGES),
                run.output(),
                run.form(),
                run.failures(),
                options.toMap(
                        source.catalog.path().toString(),
                        layout(storage, run.output()).output().toString()));
        return new GenerateJob(spark, storage, orders, source, display, log);
    }

    /**
     * A run over the embeddings of an output that has not begun: its manifest is read, nothing is written.
     *
     * @param from URI of that output; it may be the one that is written to
     * @param baseModel that LoRAs are for
     * @param display takes progress; it is closed when the work is done
     * @param log takes lines that a person should read
     * @throws UnusableException if there are no embeddings, or they are not all of the same encoders
     * @throws IOException if there is no file system for the output's URI
     */
    public static GenerateJob ofEmbeddings(
            SparkSession spark,
            String from,
            RunOptions options,
            BaseModel baseModel,
            ProgressDisplay display,
            Consumer<String> log)
            throws IOException {
        Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
        storage.requireReachable(new Path(from), "output to decode from");
        requireReachable(storage, options.stack().compute(), options.output());
        spark.sparkContext().setJobDescription("i2l: read embeddings of " + from);
        Path holder = storage.qualify(new Path(from));
        Path output = layout(storage, options.output()).output();
        StoredStyles stored = StoredStyles.of(new Manifest(spark, storage, holder), holder, holder.equals(output));
        Source source = new Source(
                Catalog.ofStored(holder, stored.styles()),
                new ImageSource.Rules(false, null, null, 0),
                new ImageLimits(0, 0, Integer.MAX_VALUE),
                stored.origin());
        Orders orders = new Orders(
                options.stack().compute(),
                options.stack().choice(baseModel, ModelInput.EMBEDDINGS),
                options.output(),
                options.form(),
                options.failures(),
                DecodeOptions.toMap(options, baseModel, holder.toString(), output.toString()));
        return new GenerateJob(spark, storage, orders, source, display, log);
    }

    private static void requireReachable(Storage storage, ComputeOptions compute, String output) throws IOException {
        storage.requireReachable(new Path(compute.models()), "models");
        storage.requireReachable(new Path(output), "output");
    }

    /** Executors have working directories of their own. */
    private static OutputLayout layout(Storage storage, String output) throws IOException {
        return new OutputLayout(storage.qualify(new Path(output)).toString());
    }

    /** What a run would do. */
    public record Plan(long styles, long images, PassedOver passedOver, int partitions, WorkOrder order) {
        /** The plan for a program: names and values. */
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("styles", styles);
            facts.put("images", images);
            facts.put("files_passed_over", passedOver.files());
            facts.put("partitions", partitions);
            facts.put("model", order.model());
            facts.put("device", GenerateOptions.lower(order.stack().device()));
            facts.put("precision", GenerateOptions.lower(order.stack().precision()));
            facts.put("batch_size", order.stack().batchSize());
            facts.put("memory", order.memory());
            return facts;
        }

        /** The plan for a person. */
        public String text() {
            return "%d styles, %d images, %d partitions%n%sModel: %s%nRuns on %s in %s, batches of %d%nMemory of the device: %s%n"
                    .formatted(
                            styles,
                            images,
                            partitions,
                            passedOver.text(),
                            order.model(),
                            GenerateOptions.lower(order.stack().device()),
                            GenerateOptions.lower(order.stack().precision()),
                            order.stack().batchSize(),
                            order.memory());
        }
    }

    /**
     * Asks an executor for model and device, and spreads the work. Writes nothing to the output.
     *
     * @throws UnusableException if the run cannot start as it was asked for
     */
    public Plan plan() throws IOException {
        // where there is nothing yet, there is something to do
        return plan(committedBefore().isEmpty() ? WorkOrder::settleAndLoad : WorkOrder::settle);
    }

    /**
     * A plan that will not be carried out: checkpoints are left where they are.
     *
     * @throws UnusableException if the run could not start as it was asked for
     */
    public Plan foresee() throws IOException {
        return plan(WorkOrder::foresee);
    }

    private Plan plan(Preflight.Way way) throws IOException {
        spark.sparkContext().setJobDescription("i2l: plan " + catalog.path());
        WorkOrder order = Preflight.ask(spark, orders.compute, orders.choice, way);
        if (source.embeddings != null) {
            order = order.of(source.embeddings);
        }
        int partitions = Planner.partitionCount(
                catalog.styleCount(), catalog.imageCount(), spark.sparkContext().defaultParallelism(), order);
        return new Plan(catalog.styleCount(), catalog.imageCount(), catalog.passedOver(), partitions, order);
    }

    /**
     * Finds out whether this run's embeddings could be decoded for another model too.
     *
     * @throws UnusableException if not
     */
    public void requireDecodable(BaseModel baseModel) throws IOException {
        ModelChoice choice = new ModelChoice(
                baseModel, orders.choice.variants(), orders.choice.imagePositions(), ModelInput.EMBEDDINGS);
        Preflight.ask(spark, orders.compute, choice, WorkOrder::foresee);
    }

    /**
     * Carries the plan out.
     *
     * @throws UnusableException if the output cannot be written
     * @throws StoppedException if too many styles failed
     * @throws IOException if the run broke; its LoRAs are in the output, and the next run takes them up
     */
    public RunSummary execute(Plan plan) throws IOException {
        Instant start = Instant.now();
        storage.probe(layout.output(), "output");
        RunSummary summary;
        Heartbeat heartbeat = Heartbeat.start(new Runs(storage, layout.runs()), runId);
        try {
            Upkeep.awaitEnd(storage, layout, log);
            summary = generate(plan, start);
        } finally {
            heartbeat.close();
        }
        cleanUp();
        return summary;
    }

    private RunSummary generate(Plan plan, Instant start) throws IOException {
        JavaRDD<List<Style>> parts = checkpointed(plan);
        List<PartResult> results = new ArrayList<>();
        Counters counters = Counters.register(spark.sparkContext());
        FailureLimit limit = new FailureLimit(orders.failures.maxFailedRatio(), plan.styles());
        try (Progress progress = new Progress(display, counters, plan.styles(), plan.images(), limit)) {
            spark.sparkContext().addSparkListener(progress);
            runParts(plan, parts, results, counters, limit);
            spark.sparkContext().removeSparkListener(progress);
        }
        StyleCounts counts = results.stream().map(PartResult::counts).reduce(StyleCounts.NONE, StyleCounts::plus);
        // the last tasks may have ended before anyone looked
        limit.check(counts.failed(), plan.styles());
        if (limit.isExceeded()) {
            throw new StoppedException(limit.message(layout.output().toString()));
        }
        return commit(start, counts, plan, results);
    }

    private JavaRDD<List<Style>> checkpointed(Plan plan) {
        SparkContext context = spark.sparkContext();
        context.setJobDescription("i2l: spread %d styles of %s".formatted(plan.styles(), catalog.path()));
        JavaRDD<List<Style>> parts = Planner.writeDown(catalog.styles(), plan.partitions(), new Path(scratch, "plan"));
        catalog.close();
        return parts;
    }

    private void runParts(
            Plan plan, JavaRDD<List<Style>> parts, List<PartResult> results, Counters counters, FailureLimit limit)
            throws StoppedException {
        SparkContext context = spark.sparkContext();
        context.setJobGroup(runId, "i2l: generate %d styles of %s".formatted(plan.styles(), catalog.path()), true);
        limit.onExceeded(() -> context.cancelJobGroup(runId));
        Assignment assignment = assignment(plan);
        JavaRDD<PartResult> work = GpuStage.of(context)
                .requireGpu(parts.mapPartitions(work(assignment, ShippedStorage.of(spark), counters)));
        ResultHandler keep = (index, result) -> {
            results.add(result);
            return BoxedUnit.UNIT;
        };
        List<Object> indexes = new ArrayList<>();
        for (int i = 0; i < plan.partitions(); i++) {
            indexes.add(i);
        }
        ClassTag<PartResult> tag = ClassTag$.MODULE$.apply(PartResult.class);
        FirstOf first = (task, all) -> all.next();
        try {
            context.runJob(
                    work.rdd(), first, CollectionConverters.asScala(indexes).toSeq(), keep, tag);
        } catch (Exception e) {
            // Spark throws checked exceptions unchecked
            if (limit.isExceeded()) {
                throw new StoppedException(limit.message(layout.output().toString()));
            }
            throw e;
        } finally {
            context.clearJobGroup();
        }
    }

    private Assignment assignment(Plan plan) {
        Set<Kind> lasting = orders.failures.retryFailed() ? Set.of() : Set.of(Kind.IMAGE);
        RunIdentity run = new RunIdentity(runId, layout.output().toString(), committedBefore());
        return new Assignment(run, plan.order(), orders.form, source.rules, source.limits, lasting);
    }

    /** What a task does; static, so that nothing of the driver goes along. */
    private static FlatMapFunction<java.util.Iterator<List<Style>>, PartResult> work(
            Assignment assignment, ShippedStorage stores, Counters counters) {
        return parts -> {
            try {
                Storage storage = stores.here();
                SharedStacks stacks = SharedStacks.of(assignment.order(), storage);
                GenerateTask task = new GenerateTask(assignment, storage, stacks, counters);
                List<Style> styles = new ArrayList<>();
                parts.forEachRemaining(styles::addAll);
                return List.of(task.run(TaskContext.getPartitionId(), styles.iterator()))
                        .iterator();
            } catch (IOException e) {
                throw new UncheckedIOException(Problems.describe(e), e);
            }
        };
    }

    @FunctionalInterface
    private interface FirstOf extends Function2<TaskContext, Iterator<PartResult>, PartResult>, Serializable {}

    @FunctionalInterface
    private interface ResultHandler extends Function2<Object, PartResult, BoxedUnit> {}

    private RunSummary commit(Instant start, StyleCounts counts, Plan plan, List<PartResult> results)
            throws IOException {
        spark.sparkContext().setJobDescription("i2l: commit run " + runId);
        StagedRun run = new StagedRun(
                runId,
                new Manifest.Expected(plan.styles(), plan.images()),
                results.stream().map(PartResult::rows).toList(),
                scratch);
        RunSummary summary = RunSummary.of(runId, layout.output().toString(), start, counts, manifest.failures(run));
        manifest.commit(run, runRow(start, summary, plan.order()));
        return summary;
    }

    /** Runs to whose rows others may refer. Where the manifest cannot be read there are none, and nothing refers to them. */
    private Set<String> committedBefore() {
        try {
            return manifest.runs();
        } catch (Exception e) {
            // Spark throws checked exceptions unchecked
            LOG.warn("Cannot read the manifest of {}; run i2l verify", layout.output(), e);
            return Set.of();
        }
    }

    private Rows runRow(Instant start, RunSummary summary, WorkOrder order) {
        Map<String, String> versions = new TreeMap<>(Map.of(
                "i2l-spark", Version.text(),
                "spark", spark.version(),
                "java", System.getProperty("java.version"),
                "libtorch", order.libtorch(),
                "device", GenerateOptions.lower(order.stack().device())));
        versions.putAll(Manifest.VERSION);
        Rows runs = new Rows(ManifestTable.RUNS);
        runs.add(row -> row.text("run_id", runId)
                .text("commit", runId)
                .text("status", summary.status())
                .time("started_at", start)
                .time("finished_at", Instant.now())
                .decimal("seconds", summary.seconds())
                .text("catalog", catalog.path().toString())
                .textMap("options", orders.told)
                .textMap("versions", versions)
                .number("styles_done", summary.counts().done())
                .number("styles_skipped", summary.counts().skipped())
                .number("styles_failed", summary.counts().failed())
                .number("styles_failed_new", summary.failures().fresh())
                .number("styles_healed", summary.failures().healed())
                .number("images", summary.counts().images())
                .number("lora_bytes", summary.counts().loraBytes()));
        return runs;
    }

    /** The run is committed; what is left of its way is for vacuum if this fails. */
    private void cleanUp() {
        try {
            giveUpLost();
            storage.delete(scratch);
            storage.deleteIfEmpty(layout.runs());
        } catch (IOException e) {
            log.accept("Cannot remove %s: %s; 'i2l vacuum' will".formatted(scratch, Problems.describe(e)));
        }
    }

    /** What this run could take up of lost commits, it did. */
    private void giveUpLost() throws IOException {
        Runs runs = new Runs(storage, layout.runs());
        for (String commit : manifest.lost(runs.ids())) {
            log.accept(
                    "manifest/runs/%s.parquet was lost. This run names again what of it is in the catalog; the rest is as that of a killed run, which 'i2l vacuum' removes"
                            .formatted(commit));
            runs.giveUp(commit);
        }
    }

    /** Frees what executors keep of the catalog. */
    @Override
    public void close() {
        catalog.close();
    }
}
