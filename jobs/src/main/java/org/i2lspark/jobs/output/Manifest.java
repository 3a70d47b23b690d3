package org.i2lspark.jobs.output;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.countDistinct;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.map;
import static org.apache.spark.sql.functions.map_concat;
import static org.apache.spark.sql.functions.map_filter;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.max_by;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.udf;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF3;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.output.FailureReport.StyleFailure;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.storage.Storage.Stored;
import org.i2lspark.model.BaseModel;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The manifest of an output: what has been committed, and how more is.
 *
 * <p>A commit is a folder {@code commit=ID} of files in each of the tables of which it has rows (loras and images, or previews),
 * and after them one file in the table runs, made at once: with it all of the commit counts, before it nothing. What the files hash to is written down in
 * {@code sums} before that. A run commits once, under its own id. Compaction commits earlier runs again under a new, greater
 * id, and of several commits of a run the greatest counts; the earlier files stay for those who are reading them.
 */
public final class Manifest {
    private static final Logger LOG = LoggerFactory.getLogger(Manifest.class);
    private static final long BYTES_PER_FILE = 256L << 20;
    private static final long MAX_SUCCESS_BYTES = 64 << 20;
    static final String COMMIT = "commit";
    private static final String COMMIT_PROTOCOL = "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol";
    private static final String PARQUET_COMMITTER = "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter";

    private static final Pattern PART = Pattern.compile("commit=.+|.+\\.sha256");
    private static final String VERSIONS = "versions";

    /** The base model of a row of {@code loras}; earlier versions knew no other than Qwen-Image. */
    public static final Column BASE_MODEL = coalesce(col("base_model"), lit(BaseModel.QWEN_IMAGE.id()));

    private static final String SUMS = "manifest-sums";

    /** What a run's {@code versions} say of this manifest, so that a commit whose sums are gone does not pass for an older one. */
    public static final Map<String, String> VERSION = Map.of(SUMS, "sha256");

    private final SparkSession spark;
    private final Storage storage;
    private final Path output;
    private final ManifestSums sums;

    public Manifest(SparkSession spark, Storage storage, Path output) {
        this.spark = spark;
        this.storage = storage;
        this.output = output;
        this.sums = new ManifestSums(spark, storage, output);
    }

    /** Whether a run has been committed. */
    public boolean exists() throws IOException {
        return !runFiles().isEmpty();
    }

    /** Ids of the commits of which a row counts. */
    public List<String> commits() throws IOException {
        return strings(latest(readRuns()).select(COMMIT).distinct());
    }

    /**
     * Commits that have rows of a run of which no row counts, though none is on its way under that id: what committed them was
     * removed, or was damaged and set aside. Their LoRAs have no rows until a later run takes them up.
     *
     * @param runs ids of the runs that have a folder: those of killed runs among them never committed
     */
    public List<String> lost(Set<String> runs) throws IOException {
        Set<String> others = new TreeSet<>();
        for (FileStatus part : parts()) {
            others.add(commitOf(part.getPath()));
        }
        others.removeAll(runs);
        for (String file : runFiles()) {
            others.remove(commitOf(new Path(file)));
        }
        if (!others.isEmpty()) {
            // what a compaction replaced goes by and by
            Set<String> counting = runs();
            others.removeIf(commit -> counting.containsAll(runsOf(commit)));
        }
        return List.copyOf(others);
    }

    private Set<String> runsOf(String commit) {
        Set<String> runs = new TreeSet<>();
        for (ManifestTable table : ManifestTable.OF_ROWS) {
            Path folder = folder(table, commit);
            try {
                if (storage.children(folder).stream()
                        .anyMatch(file -> file.getPath().getName().endsWith(".parquet"))) {
                    runs.addAll(strings(spark.read()
                            .parquet(folder.toString())
                            .select("run_id")
                            .distinct()));
                }
            } catch (Exception e) {
                // Spark throws checked exceptions unchecked; a run commits under its own id
                LOG.info("Cannot read {}", folder, e);
                runs.add(commit);
            }
        }
        return runs;
    }

    /**
     * Whether each file is what was committed and can be read to its end, and whether runs have all the rows that they should.
     *
     * @return for each commit that is damaged, what is wrong with it
     */
    public Map<String, String> damages() throws IOException {
        spark.sparkContext().hadoopConfiguration().setBoolean("parquet.page.verify-checksum.enabled", true);
        Map<String, String> damages = new TreeMap<>();
        for (String file : runFiles()) {
            String commit = commitOf(new Path(file));
            try {
                requireWhole(commit, file);
            } catch (Exception e) {
                // Spark throws checked exceptions unchecked
                damages.put(commit, Problems.describe(e).lines().findFirst().orElse("it cannot be read"));
            }
        }
        return damages;
    }

    private void requireWhole(String commit, String runFile) throws IOException {
        boolean hasSums = sums.check(commit);
        for (Row run :
                parquet(spark.read(), List.of(runFile), ManifestTable.RUNS).collectAsList()) {
            if (!hasSums && run.getJavaMap(run.fieldIndex(VERSIONS)).containsKey(SUMS)) {
                throw new IOException("manifest/sums/%s.sha256 is missing".formatted(commit));
            }
            requireRows(commit, run);
        }
    }

    private void requireRows(String commit, Row run) throws IOException {
        String runId = run.getAs("run_id");
        long previews = counted(ManifestTable.PREVIEWS, run);
        if (previews > 0) {
            long found = readWhole(ManifestTable.PREVIEWS, commit, runId).count();
            if (found != previews) {
                throw new IOException("run %s has rows for %d of its %d previews".formatted(runId, found, previews));
            }
        }
        long styles = counted(ManifestTable.LORAS, run);
        if (styles > 0) {
            requireStyles(commit, runId, styles);
        }
    }

    /** How many rows of a table there should be of a run. */
    private static long counted(ManifestTable table, Row run) {
        long sum = 0;
        for (String column : table.counts()) {
            Long count = run.getAs(column);
            sum += count == null ? 0 : count;
        }
        return sum;
    }

    private void requireStyles(String commit, String runId, long styles) throws IOException {
        long loras = readWhole(ManifestTable.LORAS, commit, runId).count();
        if (loras != styles) {
            throw new IOException("run %s has rows for %d of its %d styles".formatted(runId, loras, styles));
        }
        Row sum = read(List.of(folder(ManifestTable.LORAS, commit).toString()))
                .filter(col("run_id").equalTo(runId))
                .agg(sum(col("image_count").cast("long")))
                .first();
        long images = readWhole(ManifestTable.IMAGES, commit, runId).count();
        long expected = sum.isNullAt(0) ? 0 : sum.getLong(0);
        if (images != expected) {
            throw new IOException("run %s has rows for %d of its %d images".formatted(runId, images, expected));
        }
    }

    /** All columns are read, not only counted. */
    private JavaRDD<Row> readWhole(ManifestTable table, String commit, String runId) {
        return read(List.of(folder(table, commit).toString()))
                .filter(col("run_id").equalTo(runId))
                .toJavaRDD();
    }

    /** Sets aside what makes a damaged commit count, so that the others can be read; a later run takes its LoRAs up. */
    public void setAside(String commit, Path damaged) throws IOException {
        storage.rename(runFile(commit), new Path(damaged, commit + ".parquet"));
        Path sumsFile = ManifestSums.file(output, commit);
        if (storage.status(sumsFile).isPresent()) {
            storage.rename(sumsFile, new Path(damaged, sumsFile.getName()));
        }
    }

    /** Makes the rows that count known to SQL, under the names of the tables. */
    public void createViews() throws IOException {
        for (ManifestTable table : ManifestTable.values()) {
            rows(table).createOrReplaceTempView(table.id());
        }
    }

    /**
     * The rows that count, of one table. Those of {@code loras} also say under {@code lora_uri} where the LoRA lies now, those
     * of {@code previews} under {@code preview_uri} where the picture does.
     * Embeddings are there though they are stored in another run's row.
     */
    public Dataset<Row> rows(ManifestTable table) throws IOException {
        Dataset<Row> stored = stored(table);
        return switch (table) {
            case LORAS ->
                withEmbeddings(stored, List.of("style_id"), List.of("style_embedding"))
                        .withColumn("lora_uri", concat(lit(root() + "/"), col("lora_path")));
            case IMAGES -> withEmbeddings(stored, List.of("style_id", "position"), List.of("siglip2", "dinov3"));
            case PREVIEWS -> stored.withColumn("preview_uri", concat(lit(root() + "/"), col("preview_path")));
            case RUNS -> stored;
        };
    }

    /** Grouped by what a row refers to, so that Spark leaves the join out of queries that ask for no embedding. */
    private static Dataset<Row> withEmbeddings(Dataset<Row> rows, List<String> key, List<String> embeddings) {
        List<Column> carriedKey = new ArrayList<>();
        Column same = col("embeddings_run").equalTo(col("carried_run_id"));
        carriedKey.add(col("run_id").as("carried_run_id"));
        for (String column : key) {
            carriedKey.add(col(column).as("carried_" + column));
            same = same.and(col(column).equalTo(col("carried_" + column)));
        }
        List<Column> carried = new ArrayList<>();
        for (String embedding : embeddings) {
            carried.add(first(col(embedding)).as("carried_" + embedding));
        }
        Dataset<Row> carriers = rows.filter(col(embeddings.get(0)).isNotNull())
                .groupBy(carriedKey.toArray(new Column[0]))
                .agg(carried.get(0), carried.subList(1, carried.size()).toArray(new Column[0]));
        List<Column> columns = new ArrayList<>();
        for (String column : rows.columns()) {
            columns.add(
                    embeddings.contains(column)
                            ? coalesce(col(column), col("carried_" + column)).as(column)
                            : col(column));
        }
        return rows.join(carriers, same, "left_outer").select(columns.toArray(new Column[0]));
    }

    /** Ids of the runs that have rows. */
    public Set<String> runs() throws IOException {
        return exists() ? Set.copyOf(strings(readRuns().select("run_id").distinct())) : Set.of();
    }

    private String root() throws IOException {
        return storage.qualify(output).toString().replaceFirst("/$", "");
    }

    /**
     * What counts of each LoRA that is named, by {@code lora_path}: {@code bytes}, {@code sha256}, {@code style_id} and
     * {@code fingerprint} of the newest row, for a damaged LoRA was made again under its name.
     */
    public Dataset<Row> loras() throws IOException {
        return stored(ManifestTable.LORAS)
                .filter(col("lora_path").isNotNull())
                .groupBy("lora_path")
                .agg(max_by(struct("bytes", "sha256", "style_id", "fingerprint"), col("created_at"))
                        .as("lora"))
                .select("lora_path", "lora.bytes", "lora.sha256", "lora.style_id", "lora.fingerprint");
    }

    /**
     * When each LoRA was named by rows: {@code style} and base model in one, {@code lora_path}, {@code first} and {@code last}, and
     * whether the newest run has such a row.
     */
    Dataset<Row> uses() throws IOException {
        Row newest = stored(ManifestTable.RUNS)
                .agg(max_by(col("run_id"), col("finished_at")))
                .first();
        return stored(ManifestTable.LORAS)
                .filter(col("lora_path").isNotNull())
                .withColumn("style", concat(BASE_MODEL, lit(" "), col("style_id")))
                .groupBy("style", "lora_path")
                .agg(
                        min("created_at").as("first"),
                        max("created_at").as("last"),
                        max(col("run_id").equalTo(newest.getString(0))).as("newest"))
                .select("style", "lora_path", "first", "last", "newest");
    }

    /**
     * What counts of each preview that is named, by {@code preview_path}: {@code bytes} and {@code sha256} of the newest row, for
     * a damaged one was made again under its name.
     */
    public Dataset<Row> previews() throws IOException {
        return stored(ManifestTable.PREVIEWS)
                .filter(col("preview_path").isNotNull())
                .groupBy("preview_path")
                .agg(max_by(struct("bytes", "sha256"), col("created_at")).as("preview"))
                .select("preview_path", "preview.bytes", "preview.sha256");
    }

    /**
     * The LoRA for a base model that each style had when it was last in a run: {@code style_id}, {@code lora_path}, {@code sha256}
     * and {@code fingerprint}. Styles that failed then have none.
     */
    public Dataset<Row> currentLoras(BaseModel baseModel) throws IOException {
        return stored(ManifestTable.LORAS)
                .filter(BASE_MODEL.equalTo(baseModel.id()))
                .groupBy("style_id")
                .agg(max_by(struct("lora_path", "sha256", "fingerprint"), col("created_at"))
                        .as("lora"))
                .filter(col("lora.lora_path").isNotNull())
                .select("style_id", "lora.lora_path", "lora.sha256", "lora.fingerprint");
    }

    private Dataset<Row> stored(ManifestTable table) throws IOException {
        Dataset<Row> runs = readRuns();
        Dataset<Row> latest = latest(runs);
        Dataset<Row> counting = runs.join(broadcast(latest), asSeq("run_id", COMMIT));
        if (table == ManifestTable.RUNS) {
            return counting.drop(COMMIT);
        }
        List<String> folders = new ArrayList<>();
        for (String commit :
                strings(counting.filter(hasRows(table)).select(COMMIT).distinct())) {
            folders.add(folder(table, commit).toString());
        }
        if (folders.isEmpty()) {
            return spark.createDataFrame(List.of(), table.columns());
        }
        folders.sort(null);
        DataFrameReader reader =
                spark.read().option("basePath", table.folder(output).toString());
        Dataset<Row> rows = parquet(reader, folders, table);
        return (table == ManifestTable.LORAS ? withPaths(rows) : rows)
                .join(broadcast(latest), asSeq("run_id", COMMIT))
                .drop(COMMIT);
    }

    /** Of the runs' rows. */
    private static Column hasRows(ManifestTable table) {
        return table.counts().stream()
                .map(count -> coalesce(col(count), lit(0L)))
                .reduce(lit(0L), Column::plus)
                .gt(0);
    }

    /** Columns that earlier versions did not write are null. */
    private static Dataset<Row> parquet(DataFrameReader reader, List<String> files, ManifestTable table) {
        StructType schema = reader.parquet(files.get(files.size() - 1)).schema();
        for (StructField column : table.columns().fields()) {
            if (!List.of(schema.fieldNames()).contains(column.name())) {
                schema = schema.add(column);
            }
        }
        return reader.schema(schema).parquet(files.toArray(new String[0]));
    }

    /** Earlier versions named LoRAs by {@code lora_uri}, which does not move with the output. */
    private static Dataset<Row> withPaths(Dataset<Row> rows) {
        Column earlier = udf((UDF3<String, String, String, String>) OutputLayout::relativeOfUri, DataTypes.StringType)
                .apply(col("style_id"), col("fingerprint"), col("lora_uri"));
        return rows.withColumn("lora_path", coalesce(col("lora_path"), earlier)).drop("lora_uri");
    }

    private static scala.collection.immutable.Seq<String> asSeq(String... columns) {
        return CollectionConverters.asScala(List.of(columns)).toSeq();
    }

    /** For each run the commit that counts. Collected, so that what a reader sees does not change while it reads. */
    private Dataset<Row> latest(Dataset<Row> runs) {
        List<Row> rows = runs.groupBy("run_id").agg(max(COMMIT).as(COMMIT)).collectAsList();
        return spark.createDataFrame(rows, runs.select("run_id", COMMIT).schema());
    }

    private Dataset<Row> readRuns() throws IOException {
        List<String> files = runFiles();
        if (files.isEmpty()) {
            throw new UnusableException(
                    "Cannot read the manifest of %s: no run is committed there; is it the --output of a run?"
                            .formatted(output));
        }
        return parquet(spark.read(), files, ManifestTable.RUNS);
    }

    private List<String> runFiles() throws IOException {
        return storage.children(ManifestTable.RUNS.folder(output)).stream()
                .map(FileStatus::getPath)
                .filter(file -> file.getName().endsWith(".parquet"))
                .map(Path::toString)
                .toList();
    }

    private static List<String> strings(Dataset<Row> column) {
        return column.collectAsList().stream().map(row -> row.getString(0)).toList();
    }

    /** Folders of rows and files of sums of all commits, also of those that do not count, or not yet. */
    public List<FileStatus> parts() throws IOException {
        List<FileStatus> parts = new ArrayList<>(storage.children(ManifestSums.folder(output)));
        for (ManifestTable table : ManifestTable.OF_ROWS) {
            parts.addAll(storage.children(table.folder(output)));
        }
        parts.removeIf(part -> !PART.matcher(part.getPath().getName()).matches());
        return parts;
    }

    /** The id of the commit that a folder of rows, a file of sums or a file of runs belongs to. */
    public static String commitOf(Path part) {
        return part.getName().replaceFirst("^" + COMMIT + "=", "").replaceFirst("\\.(parquet|sha256)$", "");
    }

    /** Where the files of a commit lie. */
    public Path folder(ManifestTable table, String commit) {
        return table.folder(output, commit);
    }

    /** The file that makes a commit count. */
    public Path runFile(String commit) {
        return ManifestTable.runFile(output, commit);
    }

    /** What a run's rows must amount to. */
    public record Expected(long styles, long images) {}

    /**
     * A run that is ready to be committed.
     *
     * @param expected what its rows must amount to
     * @param rows that its tasks wrote
     * @param scratch folder of the run, for what is not complete
     */
    public record StagedRun(String id, Expected expected, List<StagedRows> rows, Path scratch) {
        List<String> loras() {
            return rows.stream().map(StagedRows::loras).toList();
        }

        List<String> images() {
            return rows.stream().map(StagedRows::images).toList();
        }

        long bytes() {
            return rows.stream().mapToLong(StagedRows::bytes).sum();
        }
    }

    /**
     * Commits a run from the files that its tasks wrote.
     *
     * @param runRow the run's row in the table runs
     * @throws IOException if the rows do not account for each style and image of the catalog, or if there is a commit of this
     *     id; nothing is committed then
     */
    public void commit(StagedRun run, Rows runRow) throws IOException {
        requireNew(run.id());
        write(ManifestTable.IMAGES, read(run.images()), run.id(), files(run.bytes()), run.scratch());
        write(ManifestTable.LORAS, read(run.loras()), run.id(), files(run.bytes() / 8), run.scratch());
        requireAll(run.id(), run.expected());
        publish(run.id(), runRow.toParquet(), run.scratch());
    }

    /**
     * A run of previews that is ready to be committed.
     *
     * @param previews how many rows there must be, each for another style and prompt
     * @param files of rows that its tasks wrote
     * @param bytes their size
     * @param scratch folder of the run, for what is not complete
     */
    public record StagedPreviews(String id, long previews, List<String> files, long bytes, Path scratch) {}

    /**
     * Commits a run of previews from the files that its tasks wrote.
     *
     * @param runRow the run's row in the table runs
     * @throws IOException if the rows do not account for each preview, or if there is a commit of this id; nothing is committed
     *     then
     */
    public void commit(StagedPreviews run, Rows runRow) throws IOException {
        requireNew(run.id());
        write(ManifestTable.PREVIEWS, read(run.files()), run.id(), files(run.bytes()), run.scratch());
        Row found = read(List.of(folder(ManifestTable.PREVIEWS, run.id()).toString()))
                .agg(count(lit(1)), countDistinct(struct("style_id", "prompt")))
                .first();
        if (found.getLong(0) != run.previews() || found.getLong(1) != run.previews()) {
            throw new IOException(
                    "Cannot commit: the run has %d previews and rows for %d (%d different); nothing was committed, start the run again"
                            .formatted(run.previews(), found.getLong(0), found.getLong(1)));
        }
        publish(run.id(), runRow.toParquet(), run.scratch());
    }

    /**
     * Which styles fail in a run that is ready to be committed, and for which of them that is new. Where what was committed
     * before cannot be read, it is new for all.
     */
    public FailureReport failures(StagedRun run) throws IOException {
        Dataset<Row> now = read(run.loras())
                .withColumn("base_model", BASE_MODEL)
                .select("style_id", "base_model", "status", "error_kind", "error_class", "error_message");
        try {
            return report(now.join(failedBefore(now), asSeq("style_id", "base_model"), "left_outer"));
        } catch (Exception e) {
            // Spark throws checked exceptions unchecked
            LOG.warn("Cannot tell which failures are known: the manifest of {} cannot be read", output, e);
            return report(now.withColumn("class_before", lit(null).cast("string")));
        }
    }

    /** For each style and base model that failed when they were last in a run: {@code class_before}. */
    private Dataset<Row> failedBefore(Dataset<Row> now) throws IOException {
        Column latest = max_by(struct("status", "error_class"), col("created_at"));
        Dataset<Row> before = exists()
                ? stored(ManifestTable.LORAS).withColumn("base_model", BASE_MODEL)
                : now.withColumn("created_at", lit(null).cast("timestamp")).limit(0);
        Dataset<Row> everFailed = before.filter(col("status").equalTo(Status.FAILED.id()))
                .select("style_id")
                .distinct();
        return before.join(everFailed, asSeq("style_id"), "left_semi")
                .groupBy("style_id", "base_model")
                .agg(latest.as("latest"))
                .filter(col("latest.status").equalTo(Status.FAILED.id()))
                .select(
                        col("style_id"),
                        col("base_model"),
                        col("latest.error_class").as("class_before"));
    }

    private static FailureReport report(Dataset<Row> changes) {
        Column failed = col("status").equalTo(Status.FAILED.id());
        Column fresh = not(col("error_class").eqNullSafe(col("class_before")));
        Map<String, Long> byClass = new TreeMap<>();
        long freshCount = 0;
        for (Row row : changes.filter(failed)
                .groupBy(col("error_class"), fresh)
                .count()
                .collectAsList()) {
            byClass.merge(row.getString(0), row.getLong(2), Long::sum);
            freshCount += row.getBoolean(1) ? row.getLong(2) : 0;
        }
        long healed =
                changes.filter(not(failed).and(col("class_before").isNotNull())).count();
        List<StyleFailure> listed = new ArrayList<>();
        if (!byClass.isEmpty()) {
            for (Row row : changes.filter(failed)
                    .select(col("style_id"), col("error_kind"), col("error_class"), col("error_message"), fresh)
                    .orderBy(fresh.desc(), col("style_id"))
                    .limit(FailureReport.MAX_LISTED)
                    .collectAsList()) {
                listed.add(new StyleFailure(
                        row.getString(0), row.getString(1), row.getString(2), row.getString(3), row.getBoolean(4)));
            }
        }
        return new FailureReport(byClass, freshCount, healed, listed);
    }

    private Dataset<Row> read(List<String> files) {
        return spark.read().parquet(files.toArray(new String[0]));
    }

    private static int files(long bytes) {
        return (int) (bytes / BYTES_PER_FILE) + 1;
    }

    /** Reads back what was written: each style once, each of its images once. */
    private void requireAll(String commit, Expected expected) throws IOException {
        Row loras = read(List.of(folder(ManifestTable.LORAS, commit).toString()))
                .agg(
                        count(lit(1)),
                        countDistinct("style_id"),
                        sum(col("image_count").cast("long")))
                .first();
        Column image = struct("style_id", "position");
        Row images = read(List.of(folder(ManifestTable.IMAGES, commit).toString()))
                .agg(count(lit(1)), countDistinct(image))
                .first();
        long named = loras.isNullAt(2) ? 0 : loras.getLong(2);
        boolean all = loras.getLong(0) == expected.styles
                && loras.getLong(1) == expected.styles
                && named == expected.images
                && images.getLong(0) == expected.images
                && images.getLong(1) == expected.images;
        if (!all) {
            throw new IOException(
                    "Cannot commit: the catalog has %d styles and %d images, the run has rows for %d styles (%d different) and %d images (%d different); nothing was committed, start the run again"
                            .formatted(
                                    expected.styles,
                                    expected.images,
                                    loras.getLong(0),
                                    loras.getLong(1),
                                    images.getLong(0),
                                    images.getLong(1)));
        }
    }

    /** Before files are written beside those that count. */
    private void requireNew(String commit) throws IOException {
        if (storage.status(runFile(commit)).isPresent()) {
            throw alreadyCommitted(commit);
        }
    }

    /** From here on the commit counts. */
    private void publish(String commit, byte[] runs, Path scratch) throws IOException {
        sums.write(commit, runs, scratch);
        Stored stored = storage.createOnce(runFile(commit), scratch, out -> out.write(runs));
        if (!stored.created()) {
            throw alreadyCommitted(commit);
        }
    }

    private static IOException alreadyCommitted(String commit) {
        return new IOException("Cannot commit %s: another has committed under this id".formatted(commit));
    }

    /**
     * Commits all that counts again, in as few files as suit its size.
     *
     * @param commit an id greater than that of all commits
     * @param scratch folder for what is not complete
     */
    public void compact(String commit, Path scratch) throws IOException {
        List<String> earlierCommits = commits();
        for (ManifestTable table : ManifestTable.OF_ROWS) {
            long bytes = 0;
            for (String earlier : earlierCommits) {
                for (FileStatus file : storage.files(folder(table, earlier))) {
                    bytes += file.getLen();
                }
            }
            Dataset<Row> rows = stored(table);
            if (bytes > 0) {
                write(table, rows, commit, files(bytes), scratch);
            }
        }
        Dataset<Row> runs = stored(ManifestTable.RUNS)
                .withColumn(COMMIT, lit(commit))
                .withColumn(
                        VERSIONS,
                        map_concat(map_filter(col(VERSIONS), (key, value) -> key.notEqual(SUMS)), sumsMark()));
        Path staged = new Path(scratch, "runs");
        runs.coalesce(1)
                .write()
                .mode(SaveMode.Overwrite)
                .option("compression", "zstd")
                .parquet(staged.toString());
        Path file = storage.files(staged).stream()
                .map(FileStatus::getPath)
                .filter(path -> path.getName().endsWith(".parquet"))
                .findFirst()
                .orElseThrow(() -> new IOException("Cannot compact: Spark wrote no file to " + staged));
        publish(commit, storage.readAll(file, Integer.MAX_VALUE), scratch);
    }

    private static Column sumsMark() {
        return map(lit(SUMS), lit(VERSION.get(SUMS)));
    }

    private void write(ManifestTable table, Dataset<Row> rows, String commit, int files, Path scratch)
            throws IOException {
        Path target = folder(table, commit);
        Dataset<Row> few = rows.coalesce(files);
        if (storage.isObjectStore(target)) {
            writeToStore(few, target);
        } else {
            Path staged = new Path(scratch, "manifest/" + table.id());
            few.write().mode(SaveMode.Overwrite).option("compression", "zstd").parquet(staged.toString());
            for (FileStatus file : storage.files(staged)) {
                if (file.getPath().getName().endsWith(".crc")) {
                    storage.delete(file.getPath());
                }
            }
            storage.rename(staged, target);
        }
    }

    /** Through S3A's magic committer: no task's files are seen before the job commits, and nothing is renamed. */
    private void writeToStore(Dataset<Row> rows, Path target) throws IOException {
        String protocol = "spark.sql.sources.commitProtocolClass";
        Optional<String> before =
                Optional.ofNullable(spark.conf().getOption(protocol).getOrElse(() -> null));
        try {
            Class.forName(COMMIT_PROTOCOL, false, Thread.currentThread().getContextClassLoader());
        } catch (ClassNotFoundException e) {
            throw new UnusableException(
                    "Cannot commit to %s: Spark has no S3A committer; add the jars of jobs/target/s3a to the application (--jars)"
                            .formatted(target),
                    e);
        }
        spark.conf().set(protocol, COMMIT_PROTOCOL);
        try {
            rows.write()
                    .option("compression", "zstd")
                    .option("spark.sql.parquet.output.committer.class", PARQUET_COMMITTER)
                    .option("parquet.output.committer.class", PARQUET_COMMITTER)
                    .option(
                            "mapreduce.outputcommitter.factory.scheme.s3a",
                            "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory")
                    .option("fs.s3a.committer.name", "magic")
                    .parquet(target.toString());
        } finally {
            before.ifPresentOrElse(
                    value -> spark.conf().set(protocol, value),
                    () -> spark.conf().unset(protocol));
        }
        requireMagic(target);
    }

    /** Where something is not as it should be, Spark renames instead and says nothing. */
    private void requireMagic(Path target) throws IOException {
        byte[] success = storage.readAll(new Path(target, "_SUCCESS"), MAX_SUCCESS_BYTES);
        String committer = success.length == 0
                ? "of files"
                : new JsonMapper().readTree(success).path("committer").asText();
        if (!committer.equals("magic")) {
            throw new IOException("Cannot commit to %s: Spark used the committer '%s' (expected S3A's magic one)"
                    .formatted(target, committer));
        }
    }
}
