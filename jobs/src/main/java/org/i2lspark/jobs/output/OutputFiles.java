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
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.i2lspark.jobs.storage.ShippedStorage;

/** Files below a folder of an output, listed and removed by executors: there may be very many. */
final class OutputFiles {
    private static final int LISTINGS_A_CORE = 4;
    private static final int REMOVED_AT_ONCE = 1000;

    private OutputFiles() {}

    /** A file, or a folder of files, directly in the folder. */
    private record Child(String uri, boolean isFolder, FileStatusFacts facts) implements Serializable {}

    private record FileStatusFacts(long bytes, long modified) implements Serializable {}

    private static Child child(FileStatus status) {
        return new Child(
                status.getPath().toString(),
                status.isDirectory(),
                new FileStatusFacts(status.getLen(), status.getModificationTime()));
    }

    /** The files come page by page, and neither driver nor executor ever holds all. */
    static JavaRDD<OutputFile> list(JavaSparkContext context, Path folder, String output, ShippedStorage storage) {
        return context.parallelize(List.of(folder.toString()), 1)
                .flatMap(uri -> map(storage.here().list(new Path(uri)), OutputFiles::child))
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

    private static OutputFile file(String output, Path file, long bytes, long modified) {
        return new OutputFile(new OutputLayout(output).relative(file), file.toString(), bytes, modified);
    }

    private static <T> Iterator<T> map(Iterator<FileStatus> files, Function<FileStatus, T> toValue) {
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(files, 0), false)
                .map(toValue)
                .iterator();
    }

    /** What belongs to a file and goes before it. */
    @FunctionalInterface
    interface Companion extends Serializable {
        Path of(OutputFile file);
    }

    /** Removes files; before each batch, what belongs to them. */
    static void remove(JavaRDD<OutputFile> removable, ShippedStorage storage, Companion companion) {
        inBatches(removable, batch -> {
            delete(storage, batch.stream().map(companion::of).toList());
            delete(storage, paths(batch));
        });
    }

    /** Removes files. */
    static void remove(JavaRDD<OutputFile> removable, ShippedStorage storage) {
        inBatches(removable, batch -> delete(storage, paths(batch)));
    }

    @FunctionalInterface
    private interface Removal extends Serializable {
        void of(List<OutputFile> batch) throws IOException;
    }

    private static void inBatches(JavaRDD<OutputFile> files, Removal removal) {
        files.foreachPartition(part -> {
            List<OutputFile> batch = new ArrayList<>();
            while (part.hasNext()) {
                batch.add(part.next());
                if (batch.size() == REMOVED_AT_ONCE || !part.hasNext()) {
                    removal.of(batch);
                    batch.clear();
                }
            }
        });
    }

    private static List<Path> paths(List<OutputFile> files) {
        return files.stream().map(file -> new Path(file.uri())).toList();
    }

    private static void delete(ShippedStorage storage, List<Path> files) throws IOException {
        requireRemoved(storage.here().deleteAll(files));
    }

    private static void requireRemoved(Map<Path, IOException> failures) throws IOException {
        for (Map.Entry<Path, IOException> failure : failures.entrySet()) {
            throw new IOException(
                    "Cannot remove %s and %d more".formatted(failure.getKey(), failures.size() - 1),
                    failure.getValue());
        }
    }
}
