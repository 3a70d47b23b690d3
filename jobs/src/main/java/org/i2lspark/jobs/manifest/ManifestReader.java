package org.i2lspark.jobs.manifest;

import static org.apache.spark.sql.functions.col;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.storage.Storage;

/** Reads back what earlier runs wrote. */
public final class ManifestReader {
    private ManifestReader() {}

    /** The finished LoRAs in an output, by style. */
    public static Map<String, List<FinishedLora>> finishedLoras(SparkSession spark, Storage storage, Path output)
            throws IOException {
        Map<String, List<FinishedLora>> byStyle = new HashMap<>();
        Path folder = ManifestTable.LORAS.folder(output);
        if (!hasFiles(storage, folder)) {
            return byStyle;
        }
        List<Row> rows = spark.read()
                .parquet(folder.toString())
                .filter(col("status").equalTo(Status.DONE.id()))
                .select("style_id", "fingerprint", "lora_uri", "bytes", "sha256", "rank", "reduction_error")
                .collectAsList();
        for (Row row : rows) {
            byStyle.computeIfAbsent(row.getString(0), ignored -> new ArrayList<>())
                    .add(new FinishedLora(
                            row.getString(1),
                            row.getString(2),
                            row.getLong(3),
                            row.getString(4),
                            row.getInt(5),
                            row.isNullAt(6) ? null : row.getDouble(6)));
        }
        return byStyle;
    }

    /** Whether a table holds a Parquet file. */
    public static boolean hasFiles(Storage storage, Path folder) throws IOException {
        FileSystem fileSystem = storage.fileSystem(folder);
        return fileSystem.exists(folder) && fileSystem.globStatus(new Path(folder, "*.parquet")).length > 0;
    }
}
