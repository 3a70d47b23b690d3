package org.i2lspark.jobs.generate;

import java.io.IOException;
import java.io.PrintStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.catalog.Catalog;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.generate.PartResult.StyleFailure;
import org.i2lspark.jobs.manifest.FinishedLora;
import org.i2lspark.jobs.manifest.ManifestReader;
import org.i2lspark.jobs.manifest.ManifestTable;
import org.i2lspark.jobs.manifest.Rows;
import org.i2lspark.jobs.storage.Storage;
import scala.Function2;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;
import scala.runtime.BoxedUnit;

/** The main job: a catalog of style images becomes LoRA files and a manifest. */
public final class GenerateJob {
    private static final DateTimeFormatter RUN_ID =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

    private static final Duration STALE = Duration.ofDays(1);

    private final SparkSession spark;
    private final GenerateOptions options;
    private final Storage storage;
    private final PrintStream log;
    private final boolean terminal;
    private final String runId;
    private final Path output;

    /**
     * A run that has not begun.
     *
     * @param log takes progress
     * @param terminal whether a person watches the log
     * @throws IOException if there is no file system for the output's URI
     */
    public GenerateJob(SparkSession spark, GenerateOptions options, PrintStream log, boolean terminal)
            throws IOException {
        this.spark = spark;
        this.storage = new Storage(spark.sparkContext().hadoopConfiguration());
        // executors have working directories of their own
        this.options =
                options.withOutput(storage.qualify(new Path(options.output())).toString());
        this.log = log;
        this.terminal = terminal;
        this.runId = RUN_ID.format(Instant.now()) + "-"
                + UUID.randomUUID().toString().substring(0, 4);
        this.output = new Path(this.options.output());
    }

    /** What a run would do. */
    public record Plan(int styles, long images, int partitions, Preflight preflight, List<List<PlannedStyle>> parts) {
        /** The plan for a person. */
        public String text() {
            return "%d styles, %d images, %d partitions%nModel: %s%nRuns on %s in %s, batches of %d%n"
                    .formatted(
                            styles,
                            images,
                            partitions,
                            preflight.model(),
                            preflight.device(),
                            preflight.precision(),
                            preflight.batchSize());
        }
    }

    /**
     * Reads catalog, checkpoint headers and manifest, and spreads the work. Writes nothing.
     *
     * @throws UnusableException if the run cannot start as it was asked for
     */
    public Plan plan() throws IOException {
        spark.sparkContext().setJobDescription("i2l: plan " + options.catalog());
        List<Style> styles = Catalog.read(spark, storage, options.catalog());
        Preflight preflight = preflight();
        Map<String, List<FinishedLora>> finished = ManifestReader.finishedLoras(spark, storage, output);
        List<PlannedStyle> planned = styles.stream()
                .map(style -> new PlannedStyle(style, finished.getOrDefault(style.id(), List.of())))
                .toList();
        long images = styles.stream().mapToLong(style -> style.images().size()).sum();
        int partitions = Planner.partitionCount(
                styles.size(), images, spark.sparkContext().defaultParallelism(), preflight);
        return new Plan(
                styles.size(),
                images,
                partitions,
                preflight,
                Planner.spread(planned, options.variants().size(), partitions));
    }

    /** Asks one executor for model and device: the driver may have neither. */
    private Preflight preflight() throws IOException {
        GenerateOptions shipped = options;
        Preflight preflight = JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelize(List.of(0), 1)
                .map(ignored -> Preflight.of(shipped))
                .first();
        if (preflight.problem() != null) {
            throw new UnusableException(preflight.problem());
        }
        return preflight;
    }

    /**
     * Carries the plan out.
     *
     * @throws UnusableException if the output cannot be written
     * @throws IOException if the run broke; what was finished by then is in the output
     */
    public RunSummary execute(Plan plan) throws IOException {
        Instant start = Instant.now();
        Path inflight = GenerateTask.inflight(options, runId);
        checkWritable(inflight);
        List<PartResult> results = new ArrayList<>();
        Counters counters = Counters.register(spark.sparkContext());
        try (Progress progress = new Progress(log, terminal, counters, plan.styles(), plan.images())) {
            spark.sparkContext().addSparkListener(progress);
            runParts(plan, results, counters);
            spark.sparkContext().removeSparkListener(progress);
        } catch (Exception e) {
            // Spark throws checked exceptions unchecked
            endAfterFailure(start, results, plan, inflight, e);
            throw e;
        }
        return end(start, results, false, plan, inflight);
    }

    private RunSummary end(Instant start, List<PartResult> results, boolean broken, Plan plan, Path inflight)
            throws IOException {
        RunSummary summary = summary(start, results);
        addRunRow(start, summary, broken, plan.preflight(), inflight);
        storage.deleteFolder(inflight);
        storage.deleteIfEmpty(inflight.getParent());
        return summary;
    }

    private void endAfterFailure(Instant start, List<PartResult> results, Plan plan, Path inflight, Exception cause) {
        try {
            end(start, results, true, plan, inflight);
        } catch (IOException | RuntimeException e) {
            cause.addSuppressed(e);
        }
    }

    private void checkWritable(Path inflight) throws IOException {
        try {
            Path probe = new Path(inflight, "probe");
            storage.write(probe, inflight, out -> {});
            // what tasks of runs left behind that were killed
            storage.deleteStaleFolders(inflight.getParent(), STALE);
        } catch (IOException e) {
            throw new UnusableException(
                    "Cannot write to output %s: %s".formatted(options.output(), Problems.describe(e)), e);
        }
    }

    private void runParts(Plan plan, List<PartResult> results, Counters counters) {
        SparkContext context = spark.sparkContext();
        context.setJobDescription("i2l: generate %d styles of %s".formatted(plan.styles(), options.catalog()));
        JavaSparkContext java = JavaSparkContext.fromSparkContext(context);
        Broadcast<SerializableConfiguration> hadoop =
                java.broadcast(new SerializableConfiguration(context.hadoopConfiguration()));
        JavaRDD<List<PlannedStyle>> parts =
                java.parallelize(plan.parts(), plan.parts().size());
        ResultHandler publish = (index, result) -> {
            publish(result);
            results.add(result);

            return BoxedUnit.UNIT;
        };
        List<Object> indexes = new ArrayList<>();
        for (int i = 0; i < plan.parts().size(); i++) {
            indexes.add(i);
        }
        ClassTag<PartResult> tag = ClassTag$.MODULE$.apply(PartResult.class);
        context.runJob(
                parts.rdd(),
                work(options, runId, hadoop, counters),
                CollectionConverters.asScala(indexes).toSeq(),
                publish,
                tag);
    }

    /** What a task does; static, so that nothing of the driver goes along. */
    private static PartWork work(
            GenerateOptions options, String runId, Broadcast<SerializableConfiguration> hadoop, Counters counters) {
        return (context, elements) -> {
            try {
                Storage storage = new Storage(hadoop.value().value());
                Stack stack = Stack.shared(options);
                return new GenerateTask(options, runId, storage, stack, counters)
                        .run(context.partitionId(), elements.next());
            } catch (IOException e) {
                throw new UncheckedIOException(Problems.describe(e), e);
            }
        };
    }

    @FunctionalInterface
    private interface PartWork extends Function2<TaskContext, Iterator<List<PlannedStyle>>, PartResult>, Serializable {}

    @FunctionalInterface
    private interface ResultHandler extends Function2<Object, PartResult, BoxedUnit> {}

    /** Puts the rows of a finished partition in their place: images first, for a row in loras is what counts. */
    private void publish(PartResult result) {
        String name = "%s-%05d.parquet".formatted(runId, result.part());
        try {
            if (result.imagesFile() != null) {
                storage.rename(new Path(result.imagesFile()), new Path(ManifestTable.IMAGES.folder(output), name));
            }
            storage.rename(new Path(result.lorasFile()), new Path(ManifestTable.LORAS.folder(output), name));
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write the manifest: " + Problems.describe(e), e);
        }
    }

    private RunSummary summary(Instant start, List<PartResult> results) {
        List<StyleFailure> failures = results.stream()
                .flatMap(result -> result.failures().stream())
                .sorted(Comparator.comparing(StyleFailure::styleId))
                .toList();
        return new RunSummary(
                runId,
                options.output(),
                results.stream().mapToLong(PartResult::done).sum(),
                results.stream().mapToLong(PartResult::skipped).sum(),
                results.stream().mapToLong(PartResult::images).sum(),
                results.stream().mapToLong(PartResult::loraBytes).sum(),
                (Instant.now().toEpochMilli() - start.toEpochMilli()) / 1e3,
                failures);
    }

    private void addRunRow(Instant start, RunSummary summary, boolean broken, Preflight preflight, Path inflight)
            throws IOException {
        String status = broken ? "broken" : summary.failed() > 0 ? "done_with_failures" : "done";
        Map<String, String> versions = new TreeMap<>(Map.of(
                "i2l-spark", Version.text(),
                "spark", spark.version(),
                "java", System.getProperty("java.version"),
                "libtorch", preflight.libtorch(),
                "device", preflight.device().toLowerCase(Locale.ROOT)));
        Rows runs = new Rows(ManifestTable.RUNS);
        runs.add(row -> row.text("run_id", runId)
                .text("status", status)
                .time("started_at", start)
                .time("finished_at", Instant.now())
                .decimal("seconds", summary.seconds())
                .text("catalog", options.catalog())
                .textMap("options", options.toMap())
                .textMap("versions", versions)
                .number("styles_done", summary.done())
                .number("styles_skipped", summary.skipped())
                .number("styles_failed", summary.failed())
                .number("images", summary.images())
                .number("lora_bytes", summary.loraBytes()));
        byte[] parquet = runs.toParquet();
        storage.write(
                new Path(ManifestTable.RUNS.folder(output), runId + ".parquet"), inflight, out -> out.write(parquet));
    }
}
