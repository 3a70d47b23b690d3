package org.i2lspark.jobs.output;

import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.i2lspark.jobs.storage.Storage;

/** The LoRA files of an output, listed by executors. */
public final class LoraFiles {
    private LoraFiles() {}

    /**
     * A LoRA file.
     *
     * @param modified milliseconds since 1970
     */
    public record LoraFile(String uri, long bytes, long modified) implements Serializable {}

    public static JavaRDD<LoraFile> list(SparkSession spark, Storage storage, Path loras) throws IOException {
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        List<String> folders = new ArrayList<>();
        List<LoraFile> direct = new ArrayList<>();
        for (FileStatus child : storage.children(loras)) {
            if (child.isDirectory()) {
                folders.add(child.getPath().toString());
            } else {
                direct.add(of(child));
            }
        }
        Broadcast<SerializableConfiguration> hadoop = context.broadcast(
                new SerializableConfiguration(spark.sparkContext().hadoopConfiguration()));
        JavaRDD<LoraFile> below = context.parallelize(folders, Math.max(1, Math.min(folders.size(), 1000)))
                .flatMap(folder -> new Storage(hadoop.value().value())
                        .files(new Path(folder)).stream().map(LoraFiles::of).iterator());
        return context.parallelize(direct).union(below);
    }

    private static LoraFile of(FileStatus file) {
        return new LoraFile(file.getPath().toString(), file.getLen(), file.getModificationTime());
    }
}
