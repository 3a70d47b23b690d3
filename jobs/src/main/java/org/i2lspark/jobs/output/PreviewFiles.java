package org.i2lspark.jobs.output;

import java.io.IOException;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.storage.ShippedStorage;
import scala.Tuple2;

/** The previews of an output beside those that its manifest names; listed and removed by executors. */
public final class PreviewFiles {
    private final ShippedStorage storage;
    private final JavaRDD<OutputFile> files;

    /** Lists an output's files when they are asked for. */
    public PreviewFiles(SparkSession spark, OutputLayout layout) {
        this.storage = ShippedStorage.of(spark);
        this.files = OutputFiles.list(
                JavaSparkContext.fromSparkContext(spark.sparkContext()),
                layout.previews(),
                layout.output().toString(),
                storage);
    }

    /** Files that no row of the manifest names, whoever made them. */
    public JavaRDD<OutputFile> unnamed(Manifest manifest) throws IOException {
        if (!manifest.exists()) {
            return files;
        }
        JavaPairRDD<String, Boolean> named = manifest.previews()
                .select("preview_path")
                .toJavaRDD()
                .mapToPair(row -> new Tuple2<>(row.getString(0), true));
        return files.keyBy(OutputFile::path).subtractByKey(named).values();
    }

    /**
     * Files that may be removed: no row of the manifest names them, they are older, and by name and content they were made by
     * this software.
     *
     * @param olderThan milliseconds since 1970
     */
    public JavaRDD<OutputFile> removable(Manifest manifest, long olderThan) throws IOException {
        ShippedStorage shipped = storage;
        return unnamed(manifest)
                .filter(file -> file.modified() < olderThan)
                .filter(file -> OutputLayout.isNameOfPreview(file.path())
                        && PreviewOutput.isOurs(shipped.here(), new Path(file.uri())));
    }

    /** Removes files. */
    public void remove(JavaRDD<OutputFile> removable) {
        OutputFiles.remove(removable, storage);
    }
}
