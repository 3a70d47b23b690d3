package org.i2lspark.jobs.cli;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.i2lspark.jobs.UnusableException;

/** What can be told of places on this machine before Spark is started. */
final class LocalPlaces {
    private final boolean embedded;
    private final String usualScheme;

    LocalPlaces(Map<String, String> settings) {
        SparkConf conf = new SparkConf();
        settings.forEach(conf::set);
        this.embedded = conf.get("spark.master", "local").startsWith("local");
        this.usualScheme = FileSystem.getDefaultUri(SparkHadoopUtil.get().newConfiguration(conf))
                .getScheme();
    }

    void requireCatalog(String catalog) throws UnusableException {
        if (local(catalog).filter(path -> !Files.exists(path)).isPresent()) {
            throw new UnusableException(
                    "Cannot read catalog %s: there is no such file or folder (expected a folder of images, or a .parquet, .csv, .tsv or .jsonl table)"
                            .formatted(catalog));
        }
    }

    /** Executors on other machines read models of their own. */
    void requireModels(String models) throws UnusableException {
        if (embedded && local(models).filter(path -> !Files.isDirectory(path)).isPresent()) {
            throw new UnusableException(
                    "Cannot open %s: it is not a folder; expected the folder that holds DiffSynth-Studio/"
                            .formatted(models));
        }
    }

    void requireWritable(String output) throws UnusableException {
        Optional<Path> folder = local(output).map(Path::toAbsolutePath);
        if (folder.isEmpty()) {
            return;
        }
        Path there = folder.get();
        while (!Files.exists(there)) {
            there = there.getParent();
        }
        if (!Files.isDirectory(there) || !Files.isWritable(there)) {
            throw new UnusableException("Cannot write to output file:%s: %s is %s"
                    .formatted(
                            folder.get(),
                            there,
                            Files.isDirectory(there) ? "not writable for this user" : "a file, not a folder"));
        }
    }

    private Optional<Path> local(String location) {
        URI uri = new org.apache.hadoop.fs.Path(location).toUri();
        String scheme = uri.getScheme() == null ? usualScheme : uri.getScheme();
        return "file".equals(scheme) ? Optional.of(Path.of(uri.getPath())) : Optional.empty();
    }
}
