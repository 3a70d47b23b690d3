package org.i2lspark.jobs.output;

import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Spliterators;
import java.util.function.Function;
import java.util.stream.StreamSupport;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.HashPartitioner;
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
    private static final int LISTINGS_A_CORE = 4;
    private static final int REMOVED_AT_ONCE = 1000;
    private static final String SOFTWARE = "i2l.software";

    private final JavaSparkContext context;
    private final String output;
    private final ShippedStorage storage;
    private final JavaRDD<LoraFile> files;

    /** Lists an output's files when they are asked for. */
    public LoraFiles(SparkSession spark, OutputLayout layout) {
        this.context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        this.output = layout.output().toString();
        this.storage = ShippedStorage.of(spark);
        this.files = list(context, layout.loras(), output, storage);
    }

    /**
     * A LoRA file.
     *
     * @param path relative to the output
     * @param modified milliseconds since 1970
     */
    public record LoraFile(String path, String uri, long bytes, long modified) implements Serializable {}

    /** A file, or a folder of files, directly in the folder of LoRAs. */
    private record Child(String uri, boolean isFolder, FileStatusFacts facts) implements Serializable {}

    private record FileStatusFacts(long bytes, long modified) implements Serializable {}

    private static Child child(FileStatus status) {
        return new Child(
                status.getPath().toString(),
                status.isDirectory(),
                new FileStatusFacts(status.getLen(), status.getModificationTime()));
    }

    /** The files come page by page, and neither driver nor executor ever holds all. */
    private static JavaRDD<LoraFile> list(
            JavaSparkContext context, Path folder, String output, ShippedStorage storage) {
        return context.parallelize(List.of(folder.toString()), 1)
                .flatMap(uri -> map(storage.here().list(new Path(uri)), LoraFiles::child))
                .keyBy(Child::uri)
                .partitionBy(new HashPartitioner(LISTINGS_A_CORE * context.defaultParallelism()))
                .values()
                .flatMap(child -> child.isFolder()
                        ? map(
                                storage.here().walk(new Path(child.uri())),
                                status -> file(output, status.getPath(), status.getLen(), status.getModificationTime()))
                        : List.of(file(
                                        output,
                                        new Path(child.uri()),
                                        child.facts().bytes(),
                                        child.facts().modified()))
                                .iterator());
    }

    private static LoraFile file(String output, Path file, long bytes, long modified) {
        return new LoraFile(new OutputLayout(output).relative(file), file.toString(), bytes, modified);
    }

    private static <T> Iterator<T> map(Iterator<FileStatus> files, Function<FileStatus, T> toValue) {
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(files, 0), false)
                .map(toValue)
                .iterator();
    }

    private static JavaPairRDD<String, Boolean> named(Manifest manifest) throws IOException {
        return manifest.loras().select("lora_path").toJavaRDD().mapToPair(row -> new Tuple2<>(row.getString(0), true));
    }

    private JavaPairRDD<String, LoraFile> byPath() {
        return files.keyBy(LoraFile::path);
    }

    /** Files that no row of the manifest names, whoever made them. */
    public JavaRDD<LoraFile> unnamed(Manifest manifest) throws IOException {
        return manifest.exists() ? byPath().subtractByKey(named(manifest)).values() : files;
    }

    /** LoRAs that have a receipt and no row, if they are there: of styles that failed, and of runs that did not commit. */
    public JavaRDD<String> unnamedReceipts(Manifest manifest) throws IOException {
        return list(context, new OutputLayout(output).receipts(), output, storage)
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
    public JavaRDD<LoraFile> removable(Manifest manifest, long olderThan, boolean sparesReceipts) throws IOException {
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

    private static boolean isOurs(String output, Storage storage, LoraFile file, boolean sparesReceipts)
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
    public void remove(JavaRDD<LoraFile> removable) {
        String root = output;
        ShippedStorage shipped = storage;
        removable.foreachPartition(part -> {
            List<LoraFile> batch = new ArrayList<>();
            while (part.hasNext()) {
                batch.add(part.next());
                if (batch.size() == REMOVED_AT_ONCE || !part.hasNext()) {
                    remove(root, shipped.here(), batch);
                    batch.clear();
                }
            }
        });
    }

    private static void remove(String output, Storage storage, List<LoraFile> batch) throws IOException {
        OutputLayout layout = new OutputLayout(output);
        requireRemoved(storage.deleteAll(
                batch.stream().map(file -> layout.receiptOf(file.path())).toList()));
        requireRemoved(storage.deleteAll(
                batch.stream().map(file -> new Path(file.uri())).toList()));
    }

    private static void requireRemoved(Map<Path, IOException> failures) throws IOException {
        for (Map.Entry<Path, IOException> failure : failures.entrySet()) {
            throw new IOException(
                    "Cannot remove %s and %d more".formatted(failure.getKey(), failures.size() - 1),
                    failure.getValue());
        }
    }
}
