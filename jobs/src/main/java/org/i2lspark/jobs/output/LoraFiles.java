package org.i2lspark.jobs.output;

import java.io.IOException;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.ShippedStorage;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.safetensors.SafetensorsFile;
import scala.Tuple2;

/** The LoRA files of an output beside those that its manifest names; listed and removed by executors. */
public final class LoraFiles {
    private static final String SOFTWARE = "i2l.software";

    private final JavaSparkContext context;
    private final String output;
    private final ShippedStorage storage;
    private final JavaRDD<OutputFile> files;

    /** Lists an output's files when they are asked for. */
    public LoraFiles(SparkSession spark, OutputLayout layout) {
        this.context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        this.output = layout.output().toString();
        this.storage = ShippedStorage.of(spark);
        this.files = OutputFiles.list(context, layout.loras(), output, storage);
    }

    private static JavaPairRDD<String, Boolean> named(Manifest manifest) throws IOException {
        return manifest.loras().select("lora_path").toJavaRDD().mapToPair(row -> new Tuple2<>(row.getString(0), true));
    }

    private JavaPairRDD<String, OutputFile> byPath() {
        return files.keyBy(OutputFile::path);
    }

    /** Files that no row of the manifest names, whoever made them. */
    public JavaRDD<OutputFile> unnamed(Manifest manifest) throws IOException {
        return manifest.exists() ? byPath().subtractByKey(named(manifest)).values() : files;
    }

    /** LoRAs that have a receipt and no row, if they are there: of styles that failed, and of runs that did not commit. */
    public JavaRDD<String> unnamedReceipts(Manifest manifest) throws IOException {
        return OutputFiles.list(context, new OutputLayout(output).receipts(), output, storage)
                .filter(file -> file.path().endsWith(OutputLayout.RECEIPT))
                .mapToPair(file -> new Tuple2<>(OutputLayout.loraOf(file.path()), true))
                .subtractByKey(named(manifest))
                .keys();
    }

    /**
     * Files that may be removed: no row of the manifest names them, they are older, and by name and content they were made by
     * this software. What somebody else has put there is not ours to remove.
     *
     * @param olderThan milliseconds since 1970
     * @param sparesReceipts whether those that have a receipt stay, for a run that lives may have taken them up
     * @throws UnusableException if the manifest names LoRAs of which not one is there: then it is no manifest of these files
     */
    public JavaRDD<OutputFile> removable(Manifest manifest, long olderThan, boolean sparesReceipts) throws IOException {
        if (manifest.exists()) {
            JavaPairRDD<String, Boolean> named = named(manifest);
            if (!named.isEmpty() && byPath().join(named).isEmpty()) {
                throw new UnusableException(
                        "Cannot vacuum %s: its manifest names LoRAs, and not one of them is there; nothing was removed. Is the output complete? 'i2l verify' says what is missing"
                                .formatted(output));
            }
        }
        String root = output;
        ShippedStorage shipped = storage;
        return unnamed(manifest)
                .filter(file -> file.modified() < olderThan)
                .filter(file -> isOurs(root, shipped.here(), file, sparesReceipts));
    }

    private static boolean isOurs(String output, Storage storage, OutputFile file, boolean sparesReceipts)
            throws IOException {
        if (!OutputLayout.isNameOfLora(file.path())) {
            return false;
        }
        if (storage.status(new OutputLayout(output).receiptOf(file.path())).isPresent()) {
            return !sparesReceipts;
        }
        try (SafetensorsFile lora = SafetensorsFile.open(file.uri(), storage.open(new Path(file.uri())))) {
            return lora.metadata().containsKey(SOFTWARE);
        } catch (IOException e) {
            return false;
        }
    }

    /** Removes files and their receipts. A receipt goes first: without it the LoRA is at worst made again. */
    public void remove(JavaRDD<OutputFile> removable) {
        String root = output;
        OutputFiles.remove(removable, storage, file -> new OutputLayout(root).receiptOf(file.path()));
    }
}
