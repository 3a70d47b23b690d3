package org.i2lspark.jobs.output;

import java.io.Serializable;
import java.util.Iterator;
import java.util.List;
import java.util.Spliterators;
import java.util.function.Function;
import java.util.stream.StreamSupport;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.i2lspark.jobs.storage.Storage;

/** The LoRA files of an output, listed by executors. */
public final class LoraFiles {
    private static final int LISTINGS_A_CORE = 4;

    private LoraFiles() {}

    /**
     * A LoRA file.
     *
     * @param modified milliseconds since 1970
     */
    public record LoraFile(String uri, long bytes, long modified) implements Serializable {}

    /** A file, or a folder of files, directly in the folder of LoRAs. */
    private record Child(LoraFile file, boolean isFolder) implements Serializable {
        static Child of(FileStatus status) {
            return new Child(LoraFiles.of(status), status.isDirectory());
        }
    }

    /** The files below the folder of LoRAs; they come page by page, and neither driver nor executor ever holds all. */
    public static JavaRDD<LoraFile> list(SparkSession spark, Path loras) {
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        Broadcast<SerializableConfiguration> hadoop = context.broadcast(
                new SerializableConfiguration(spark.sparkContext().hadoopConfiguration()));
        return context.parallelize(List.of(loras.toString()), 1)
                .flatMap(folder -> map(storage(hadoop).list(new Path(folder)), Child::of))
                .keyBy(child -> child.file().uri())
                .partitionBy(new HashPartitioner(LISTINGS_A_CORE * context.defaultParallelism()))
                .values()
                .flatMap(child -> child.isFolder()
                        ? map(storage(hadoop).walk(new Path(child.file().uri())), LoraFiles::of)
                        : List.of(child.file()).iterator());
    }

    private static Storage storage(Broadcast<SerializableConfiguration> hadoop) {
        return new Storage(hadoop.value().value());
    }

    private static <T> Iterator<T> map(Iterator<FileStatus> files, Function<FileStatus, T> toValue) {
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(files, 0), false)
                .map(toValue)
                .iterator();
    }

    private static LoraFile of(FileStatus file) {
        return new LoraFile(file.getPath().toString(), file.getLen(), file.getModificationTime());
    }
}
