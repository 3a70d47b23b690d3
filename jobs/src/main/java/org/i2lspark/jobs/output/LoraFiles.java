package org.i2lspark.jobs.output;

import java.io.IOException;
import java.util.HashSet;
import java.util.Set;
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

    /**
     * LoRAs that were superseded: there are enough newer ones of their style and base model, and the first of those that came after
     * their last use is older. Those of the newest run are not among them, nor those that no row names or that this software did not
     * make.
     *
     * @param versions how many of a style stay, the newest among them
     * @param before milliseconds since 1970
     * @param kept paths relative to the output of those that stay in any case
     */
    public JavaRDD<OutputFile> superseded(Manifest manifest, int versions, long before, Set<String> kept)
            throws IOException {
        if (!manifest.exists()) {
            return context.emptyRDD();
        }
        Set<String> spared = new HashSet<>(kept);
        JavaPairRDD<String, Boolean> superseded = manifest.uses()
                .toJavaRDD()
                .mapToPair(row -> new Tuple2<>(
                        row.getString(0),
                        new LoraUse(
                                row.getString(1),
                                row.getTimestamp(2).getTime(),
                                row.getTimestamp(3).getTime(),
                                row.getBoolean(4))))
                .groupByKey()
                .flatMap(style ->
                        LoraUse.superseded(style._2(), versions, before).iterator())
                .filter(path -> !spared.contains(path))
                .mapToPair(path -> new Tuple2<>(path, true));
        String root = output;
        ShippedStorage shipped = storage;
        return byPath().join(superseded)
                .values()
                .map(Tuple2::_1)
                .filter(file -> isOurs(root, shipped.here(), file, false));
    }

    /**
     * Removes LoRAs that rows name, with their receipts. What says so is written first: of such a LoRA it is known that it is not
     * missing.
     */
    public void retire(JavaRDD<OutputFile> superseded) {
        String root = output;
        ShippedStorage shipped = storage;
        superseded.foreach(file -> {
            OutputLayout layout = new OutputLayout(root);
            shipped.here().replace(layout.retirement(file.path()), layout.retirements(), new byte[0]);
        });
        remove(superseded);
    }

    /** Removes files and their receipts. A receipt goes first: without it the LoRA is at worst made again. */
    public void remove(JavaRDD<OutputFile> removable) {
        String root = output;
        OutputFiles.remove(removable, storage, file -> new OutputLayout(root).receiptOf(file.path()));
    }
}
