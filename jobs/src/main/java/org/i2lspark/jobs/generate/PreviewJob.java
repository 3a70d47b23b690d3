package org.i2lspark.jobs.generate;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.apache.hadoop.fs.Path;
import org.apache.spark.HashPartitioner;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.StorageLevels;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.Version;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.options.PictureStackChoice;
import org.i2lspark.jobs.options.PreviewSpec;
import org.i2lspark.jobs.options.StyleChoice;
import org.i2lspark.jobs.output.Heartbeat;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.Manifest.StagedPreviews;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.Rows;
import org.i2lspark.jobs.output.Runs;
import org.i2lspark.jobs.output.Upkeep;
import org.i2lspark.jobs.storage.ShippedStorage;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.Counters;
import org.i2lspark.jobs.worker.GpuStage;
import org.i2lspark.jobs.worker.PictureOrder;
import org.i2lspark.jobs.worker.PreviewAssignment;
import org.i2lspark.jobs.worker.PreviewCounts;
import org.i2lspark.jobs.worker.PreviewResult;
import org.i2lspark.jobs.worker.PreviewStyle;
import org.i2lspark.jobs.worker.PreviewTask;
import org.i2lspark.jobs.worker.SharedPictureStacks;
import org.i2lspark.model.BaseModel;
import scala.Tuple2;

/** Makes pictures of the LoRAs that an output holds, and commits rows about them to its manifest. */
public final class PreviewJob {
    private static final int MAX_PARTITIONS = 20_000;
    private static final int BATCHES_PER_TASK = 16;

    private final SparkSession spark;
    private final PictureStackChoice choice;
    private final PreviewSpec spec;
    private final Storage storage;
    private final ProgressDisplay display;
    private final Consumer<String> log;
    private final String runId = Runs.newId();
    private final OutputLayout layout;
    private final Path scratch;
    private final Manifest manifest;

    /**
     * A run that has not begun.
     *
     * @param display takes progress; it is closed when the work is done
     * @param log takes lines that a person should read
     * @throws UnusableException if a store cannot be reached
     */
    public PreviewJob(
            SparkSession spark,
            String output,
            PictureStackChoice choice,
            PreviewSpec spec,
            ProgressDisplay display,
            Consumer<String> log)
            throws IOException {
        this.spark = spark;
        this.choice = choice;
        this.spec = spec;
        this.storage = new Storage(spark.sparkContext().hadoopConfiguration());
        this.display = display;
        this.log = log;
        storage.requireReachable(new Path(choice.models()), "models");
        storage.requireReachable(new Path(output), "output");
        this.layout = new OutputLayout(storage.qualify(new Path(output)).toString());
        this.scratch = layout.run(runId);
        this.manifest = new Manifest(spark, storage, layout.output());
    }

    /** What a run would do at most: what is there already is left out only when it is looked for. */
    public record Plan(long styles, long previews, int partitions, PictureOrder order) {
        /** The plan for a program: names and values. */
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("styles", styles);
            facts.put("previews", previews);
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
            return "%d styles, %d previews with those of no style, %d partitions%nModel: %s%nRuns on %s in %s, batches of %d%nMemory of the device: %s%n"
                    .formatted(
                            styles,
                            previews,
                            partitions,
                            order.model(),
                            GenerateOptions.lower(order.stack().device()),
                            GenerateOptions.lower(order.stack().precision()),
                            order.stack().batchSize(),
                            order.memory());
        }
    }

    /** How many pictures there are of so many styles, if none of them shares its brand with another. */
    public static long atMost(long styles, PreviewSpec spec) {
        long chosen = (styles + spec.styles().each() - 1) / spec.styles().each();
        return (chosen + 1) * spec.prompts().size();
    }

    /**
     * Asks an executor for model and device, and counts the styles. Writes nothing to the output.
     *
     * @throws UnusableException if the run cannot start as it was asked for, or there is nothing to make pictures of
     */
    public Plan plan() throws IOException {
        return requireStyles(plan(preflight()));
    }

    /**
     * A plan that will not be carried out: checkpoints are left where they are.
     *
     * @throws UnusableException if the run could not start as it was asked for
     */
    public Plan foresee() throws IOException {
        return requireStyles(plan(outlook()));
    }

    private Plan requireStyles(Plan plan) throws UnusableException {
        if (plan.styles() == 0) {
            throw new UnusableException("Cannot make previews of %s: it has no LoRA for %s"
                    .formatted(layout.output(), BaseModel.QWEN_IMAGE.transformer()));
        }
        return plan;
    }

    /**
     * Counts the styles, of which some may have been made since an executor was asked. Writes nothing to the output.
     *
     * @param order what {@link #preflight} gave
     */
    public Plan plan(PictureOrder order) throws IOException {
        spark.sparkContext().setJobDescription("i2l: plan previews of " + layout.output());
        long styles = chosen().count();
        long previews = (styles + 1) * spec.prompts().size();
        int slots = spark.sparkContext().defaultParallelism();
        int batch = order.stack().batchSize();
        long byLoss = styles / ((long) batch * BATCHES_PER_TASK) + 1;
        long bySlots = Math.min(slots, styles / batch);
        int partitions = (int) Math.min(MAX_PARTITIONS, Math.max(byLoss, bySlots));
        return new Plan(styles, previews, partitions, order);
    }

    /**
     * Asks one executor for model and device: the driver may have neither.
     *
     * @throws UnusableException if pictures cannot be made as they were asked for
     */
    public PictureOrder preflight() throws UnusableException {
        return preflight(SharedPictureStacks::settle);
    }

    /**
     * The same for pictures that are not to be made: checkpoints are left where they are.
     *
     * @throws UnusableException if pictures could not be made as they were asked for
     */
    public PictureOrder outlook() throws UnusableException {
        return preflight(SharedPictureStacks::foresee);
    }

    private PictureOrder preflight(Way way) throws UnusableException {
        PictureStackChoice asked = choice;
        PreviewSpec wanted = spec;
        ShippedStorage stores = ShippedStorage.of(spark);
        JavaRDD<Preflight> rdd = JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelize(List.of(0), 1)
                .map(ignored -> Preflight.of(way, asked, wanted, stores.here()));
        Preflight preflight = GpuStage.of(spark.sparkContext()).requireGpu(rdd).first();
        if (preflight.problem() != null) {
            throw new UnusableException(preflight.problem());
        }
        return preflight.order();
    }

    /** How an executor settles what is asked of it. */
    @FunctionalInterface
    private interface Way extends Serializable {
        PictureOrder settle(PictureStackChoice choice, PreviewSpec spec, Storage storage) throws UnusableException;
    }

    /**
     * What an executor says of pictures.
     *
     * @param problem why it cannot make them; null if it can
     */
    private record Preflight(String problem, PictureOrder order) implements Serializable {
        static Preflight of(Way way, PictureStackChoice choice, PreviewSpec spec, Storage storage) {
            try {
                return new Preflight(null, way.settle(choice, spec, storage));
            } catch (UnusableException e) {
                return new Preflight(e.getMessage(), null);
            }
        }
    }

    /** The styles that pictures are made of, in the order of their ids: of those with LoRAs for Qwen-Image. */
    private JavaRDD<PreviewStyle> chosen() throws IOException {
        JavaRDD<PreviewStyle> styles = manifest.currentLoras(BaseModel.QWEN_IMAGE)
                .orderBy("style_id")
                .toJavaRDD()
                .map(PreviewJob::style);
        StyleChoice which = spec.styles();
        return switch (which.way()) {
            case EACH -> {
                int each = which.each();
                yield styles.zipWithIndex()
                        .filter(numbered -> numbered._2() % each == 0)
                        .keys();
            }
            case FIRST_OF_BRAND ->
                styles.keyBy(style -> StyleChoice.brand(style.id()))
                        .reduceByKey((a, b) -> a.id().compareTo(b.id()) <= 0 ? a : b)
                        .values()
                        .sortBy(PreviewStyle::id, true, 1);
        };
    }

    private static PreviewStyle style(Row row) {
        return new PreviewStyle(
                row.getAs("style_id"), row.getAs("lora_path"), row.getAs("sha256"), row.getAs("fingerprint"));
    }

    /**
     * Carries the plan out.
     *
     * @throws UnusableException if the output cannot be written
     * @throws IOException if the run broke; its previews are in the output, and the next run takes them up
     */
    public PreviewSummary execute(Plan plan) throws IOException {
        Instant start = Instant.now();
        storage.probe(layout.output(), "output");
        PreviewSummary summary;
        Heartbeat heartbeat = Heartbeat.start(new Runs(storage, layout.runs()), runId);
        try {
            Upkeep.awaitEnd(storage, layout, log);
            List<PreviewResult> results = make(plan);
            summary = commit(start, plan, results);
        } finally {
            heartbeat.close();
        }
        try {
            storage.delete(scratch);
            storage.deleteIfEmpty(layout.runs());
        } catch (IOException e) {
            // the run is committed
            log.accept("Cannot remove %s: %s; 'i2l vacuum' will".formatted(scratch, Problems.describe(e)));
        }
        return summary;
    }

    private List<PreviewResult> make(Plan plan) throws IOException {
        SparkContext context = spark.sparkContext();
        Counters counters = Counters.register(context);
        context.setJobDescription("i2l: %d previews of %s".formatted(plan.previews(), layout.output()));
        JavaRDD<PreviewStyle> parts = spread(plan.partitions()).persist(StorageLevels.DISK_ONLY);
        PreviewAssignment assignment =
                new PreviewAssignment(runId, layout.output().toString(), plan.order(), spec);
        try (Progress progress =
                new Progress(display, counters, plan.styles() + 1, plan.previews(), FailureLimit.none())) {
            context.addSparkListener(progress);
            List<PreviewResult> results = GpuStage.of(context)
                    .requireGpu(parts.mapPartitions(work(assignment, ShippedStorage.of(spark), counters)))
                    .collect();
            context.removeSparkListener(progress);
            return results;
        } finally {
            parts.unpersist();
        }
    }

    /** The styles dealt out to partitions; the first of these has the pictures of no style. */
    private JavaRDD<PreviewStyle> spread(int partitions) throws IOException {
        JavaPairRDD<Integer, PreviewStyle> styles = chosen().zipWithIndex()
                .mapToPair(numbered -> new Tuple2<>((int) (numbered._2() % partitions), numbered._1()));
        JavaPairRDD<Integer, PreviewStyle> none = JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelizePairs(List.of(new Tuple2<>(0, PreviewStyle.NONE)), 1);
        return none.union(styles).partitionBy(new HashPartitioner(partitions)).values();
    }

    /** What a task does; static, so that nothing of the driver goes along. */
    private static FlatMapFunction<java.util.Iterator<PreviewStyle>, PreviewResult> work(
            PreviewAssignment assignment, ShippedStorage stores, Counters counters) {
        return styles -> {
            try {
                Storage storage = stores.here();
                SharedPictureStacks stacks = SharedPictureStacks.of(assignment.order(), assignment.spec(), storage);
                PreviewTask task = new PreviewTask(assignment, storage, stacks, counters);
                return List.of(task.run(TaskContext.getPartitionId(), styles)).iterator();
            } catch (IOException e) {
                throw new UncheckedIOException(Problems.describe(e), e);
            }
        };
    }

    private PreviewSummary commit(Instant start, Plan plan, List<PreviewResult> results) throws IOException {
        spark.sparkContext().setJobDescription("i2l: commit run " + runId);
        PreviewCounts counts =
                results.stream().map(PreviewResult::counts).reduce(PreviewCounts.NONE, PreviewCounts::plus);
        PreviewSummary summary = PreviewSummary.of(runId, layout.output().toString(), start, counts);
        StagedPreviews run = new StagedPreviews(
                runId,
                plan.previews(),
                results.stream().map(PreviewResult::rows).toList(),
                results.stream().mapToLong(PreviewResult::rowBytes).sum(),
                scratch);
        manifest.commit(run, runRow(start, summary, plan.order()));
        return summary;
    }

    private Rows runRow(Instant start, PreviewSummary summary, PictureOrder order) {
        Map<String, String> options = new LinkedHashMap<>(spec.settings());
        options.put("prompts", String.join("\n", spec.prompts()));
        options.put("seed", String.valueOf(spec.seed()));
        options.put("styles", spec.styles().text());
        options.put("models", choice.models());
        options.put("output", layout.output().toString());
        Map<String, String> versions = new TreeMap<>(Map.of(
                "i2l-spark", Version.text(),
                "spark", spark.version(),
                "java", System.getProperty("java.version"),
                "libtorch", order.libtorch(),
                "device", GenerateOptions.lower(order.stack().device())));
        versions.putAll(Manifest.VERSION);
        PreviewCounts counts = summary.counts();
        Rows runs = new Rows(ManifestTable.RUNS);
        runs.add(row -> row.text("run_id", runId)
                .text("commit", runId)
                .text("status", summary.status())
                .time("started_at", start)
                .time("finished_at", Instant.now())
                .decimal("seconds", summary.seconds())
                .textMap("options", options)
                .textMap("versions", versions)
                .number("styles_done", 0L)
                .number("styles_skipped", 0L)
                .number("styles_failed", 0L)
                .number("images", 0L)
                .number("lora_bytes", 0L)
                .number("previews_done", counts.done())
                .number("previews_skipped", counts.skipped())
                .number("previews_failed", counts.failed()));
        return runs;
    }
}
