package org.i2lspark.jobs.maintenance;

import static org.apache.spark.sql.functions.col;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.StorageLevels;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.output.LoraFiles;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.storage.Storage.Stored;
import org.i2lspark.safetensors.MalformedSafetensorsException;
import org.i2lspark.safetensors.SafetensorsFile;
import scala.Tuple2;

/**
 * Checks an output: each LoRA that the manifest names is there with the size and the SHA-256 that it says and a valid
 * safetensors header, and each LoRA that is there is named.
 */
public final class VerifyJob {
    private static final int LORAS_PER_TASK = 100;
    private static final int MAX_LISTED = 20;

    private final SparkSession spark;
    private final Storage storage;
    private final OutputLayout layout;

    public VerifyJob(SparkSession spark, Storage storage, OutputLayout layout) {
        this.spark = spark;
        this.storage = storage;
        this.layout = layout;
    }

    /** What can be wrong. */
    public enum Kind {
        MISSING,
        WRONG_SIZE,
        WRONG_HASH,
        INVALID_HEADER,
        UNREADABLE,
        NO_ROW
    }

    /** A LoRA that is not as the manifest says. */
    public record Finding(Kind kind, String uri, String detail) implements Serializable {}

    /**
     * What was found.
     *
     * @param loras how many the manifest names
     * @param bytes how many they have together, by the manifest
     * @param counts of findings
     * @param findings some of them
     */
    public record Report(long loras, long bytes, Map<Kind, Long> counts, List<Finding> findings) {
        public boolean isClean() {
            return counts.isEmpty();
        }
    }

    /** Reads all LoRAs. */
    public Report execute() throws IOException {
        spark.sparkContext().setJobDescription("i2l: verify " + layout.output());
        Dataset<Row> named = new Manifest(spark, storage, layout.output())
                .rows(ManifestTable.LORAS)
                .filter(col("lora_uri").isNotNull())
                .select("lora_uri", "bytes", "sha256")
                .distinct();
        JavaRDD<Row> rows = named.toJavaRDD().persist(StorageLevels.DISK_ONLY);
        long count = rows.count();
        long bytes = rows.map(row -> row.getLong(1)).fold(0L, Long::sum);
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        Broadcast<SerializableConfiguration> hadoop = context.broadcast(
                new SerializableConfiguration(spark.sparkContext().hadoopConfiguration()));
        int parts = (int) Math.min(20_000, count / LORAS_PER_TASK + context.defaultParallelism());
        JavaRDD<Finding> wrong = rows.repartition(parts)
                .map(row ->
                        check(new Storage(hadoop.value().value()), row.getString(0), row.getLong(1), row.getString(2)))
                .filter(finding -> finding != null);
        JavaPairRDD<String, Boolean> namedUris = rows.mapToPair(row -> new Tuple2<>(row.getString(0), true));
        JavaRDD<Finding> unnamed = LoraFiles.list(spark, layout.loras())
                .mapToPair(file -> new Tuple2<>(file.uri(), file))
                .subtractByKey(namedUris)
                .map(file -> new Finding(Kind.NO_ROW, file._1(), "no row of the manifest names it"));
        JavaRDD<Finding> all = wrong.union(unnamed).persist(StorageLevels.DISK_ONLY);
        Map<Kind, Long> counts = new TreeMap<>(all.map(Finding::kind).countByValue());
        Report report = new Report(count, bytes, counts, all.take(MAX_LISTED));
        all.unpersist();
        rows.unpersist();
        return report;
    }

    private static Finding check(Storage storage, String uri, long bytes, String sha256) {
        Path path = new Path(uri);
        try {
            Stored stored = storage.hash(path);
            if (stored.bytes() != bytes) {
                return new Finding(Kind.WRONG_SIZE, uri, "%d bytes (expected %d)".formatted(stored.bytes(), bytes));
            }
            if (!stored.sha256().equals(sha256)) {
                return new Finding(Kind.WRONG_HASH, uri, "SHA-256 %s (expected %s)".formatted(stored.sha256(), sha256));
            }
            return checkHeader(storage, path);
        } catch (FileNotFoundException e) {
            return new Finding(Kind.MISSING, uri, "there is no such file");
        } catch (IOException e) {
            return new Finding(Kind.UNREADABLE, uri, Problems.describe(e));
        }
    }

    private static Finding checkHeader(Storage storage, Path path) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path.toString(), storage.open(path))) {
            return file.tensors().isEmpty()
                    ? new Finding(Kind.INVALID_HEADER, path.toString(), "it holds no tensors")
                    : null;
        } catch (MalformedSafetensorsException e) {
            return new Finding(Kind.INVALID_HEADER, path.toString(), e.getMessage());
        }
    }
}
