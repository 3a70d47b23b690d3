package org.i2lspark.jobs.output;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.ShippedStorage;
import org.i2lspark.jobs.storage.Storage;
import scala.Tuple2;

/**
 * The SHA-256 of each file of a commit: {@code manifest/sums/COMMIT.sha256}, as {@code sha256sum} writes it and checks it in
 * the output's folder. It is there before the commit counts. Commits by earlier versions have none.
 */
final class ManifestSums {
    private static final long MAX_BYTES = 64 << 20;

    private final SparkSession spark;
    private final Storage storage;
    private final Path output;
    private final OutputLayout layout;

    ManifestSums(SparkSession spark, Storage storage, Path output) {
        this.spark = spark;
        this.storage = storage;
        this.output = output;
        this.layout = new OutputLayout(output.toString());
    }

    /** Where all lie. */
    static Path folder(Path output) {
        return new Path(output, "manifest/sums");
    }

    /** Where those of a commit lie. */
    static Path file(Path output, String commit) {
        return new Path(folder(output), commit + ".sha256");
    }

    /**
     * Writes down what a commit consists of; to be called when its rows are written, before it counts.
     *
     * @param runs what the commit's file in the table runs is going to hold
     * @param scratch folder for what is not complete
     */
    void write(String commit, byte[] runs, Path scratch) throws IOException {
        Map<String, String> sums = hashes(rowFiles(commit));
        sums.put(layout.relative(ManifestTable.runFile(output, commit)), Hashes.sha256(runs));
        storage.replace(file(output, commit), scratch, text(sums));
    }

    /**
     * Compares the files of a commit with what was committed.
     *
     * @return whether it was written down what that is
     * @throws IOException if they differ
     */
    boolean check(String commit) throws IOException {
        Optional<FileStatus> file = storage.status(file(output, commit));
        if (file.isEmpty()) {
            return false;
        }
        byte[] expected = storage.readAll(file.get(), MAX_BYTES);
        Map<String, Path> files = rowFiles(commit);
        Path runFile = ManifestTable.runFile(output, commit);
        files.put(layout.relative(runFile), runFile);
        byte[] found = text(hashes(files));
        if (!Arrays.equals(expected, found)) {
            throw new IOException("not what was committed: manifest/sums/%s.sha256 and the files differ in '%s'"
                    .formatted(commit, firstDifference(expected, found)));
        }
        return true;
    }

    private static String firstDifference(byte[] expected, byte[] found) {
        List<String> lines = new ArrayList<>(lines(expected));
        lines.removeAll(lines(found));
        List<String> others = new ArrayList<>(lines(found));
        others.removeAll(lines(expected));
        return lines.isEmpty() ? others.isEmpty() ? "order" : others.get(0) : lines.get(0);
    }

    private static List<String> lines(byte[] text) {
        return new String(text, StandardCharsets.UTF_8).lines().toList();
    }

    private static byte[] text(Map<String, String> sums) {
        StringBuilder text = new StringBuilder();
        sums.forEach((name, sum) -> text.append(sum).append("  ").append(name).append('\n'));
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }

    private Map<String, Path> rowFiles(String commit) throws IOException {
        Map<String, Path> files = new TreeMap<>();
        for (ManifestTable table : ManifestTable.OF_ROWS) {
            for (FileStatus file : storage.children(table.folder(output, commit))) {
                if (file.getPath().getName().endsWith(".parquet")) {
                    files.put(layout.relative(file.getPath()), file.getPath());
                }
            }
        }
        return files;
    }

    /** Of those files that are there. */
    private Map<String, String> hashes(Map<String, Path> files) {
        ShippedStorage stores = ShippedStorage.of(spark);
        List<Tuple2<String, String>> uris = new ArrayList<>();
        files.forEach((name, path) -> uris.add(new Tuple2<>(name, path.toString())));
        return new TreeMap<>(JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelizePairs(uris, Math.max(1, uris.size()))
                .mapValues(uri -> sha256(stores.here(), uri))
                .collectAsMap());
    }

    private static String sha256(Storage storage, String uri) throws IOException {
        try {
            return storage.hash(new Path(uri)).sha256();
        } catch (FileNotFoundException e) {
            return "missing";
        }
    }
}
