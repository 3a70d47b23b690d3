package org.i2lspark.jobs.catalog;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.Storage;

/** Reads the list of styles and image URIs, from a folder of images or from a table. */
public final class Catalog {
    private Catalog() {}

    /**
     * Reads a catalog: a table in Parquet (a file or a folder of part files), CSV with a header, or JSON Lines; else a
     * folder of images.
     *
     * @throws UnusableException if there is none, if it is malformed, or if it holds no image
     */
    public static List<Style> read(SparkSession spark, Storage storage, String uri) throws IOException {
        Path path = new Path(uri);
        FileSystem fileSystem = storage.fileSystem(path);
        FileStatus status;
        try {
            status = fileSystem.getFileStatus(path);
        } catch (FileNotFoundException e) {
            throw new UnusableException(
                    "Cannot read catalog %s: there is no such file or folder (expected a folder of images, or a .parquet, .csv or .jsonl table)"
                            .formatted(uri));
        }
        TableFormat format = tableFormat(fileSystem, status);
        List<Style> styles = format == null
                ? FolderCatalog.read(fileSystem, fileSystem.resolvePath(path))
                : TableCatalog.read(spark, format, uri);
        if (styles.isEmpty()) {
            throw new UnusableException("Cannot read catalog %s: it holds no images (expected %s)"
                    .formatted(
                            uri,
                            format == null
                                    ? "files ending in " + String.join(", ", FolderCatalog.EXTENSIONS)
                                    : "rows with style_id and image"));
        }
        return styles;
    }

    enum TableFormat {
        PARQUET,
        CSV,
        JSON
    }

    private static TableFormat tableFormat(FileSystem fileSystem, FileStatus status) throws IOException {
        String name = status.getPath().getName().toLowerCase(Locale.ROOT);
        if (status.isDirectory()) {
            // what Spark wrote: a folder of part files
            boolean parquet = name.endsWith(".parquet")
                    || fileSystem.globStatus(new Path(status.getPath(), "part-*.parquet")).length > 0;
            return parquet ? TableFormat.PARQUET : null;
        }
        if (name.endsWith(".parquet")) {
            return TableFormat.PARQUET;
        }
        if (name.endsWith(".csv")) {
            return TableFormat.CSV;
        }
        if (name.endsWith(".jsonl") || name.endsWith(".ndjson") || name.endsWith(".json")) {
            return TableFormat.JSON;
        }
        throw new UnusableException(
                "Cannot read catalog %s: unknown kind of file (expected a folder of images, or a table ending in .parquet, .csv or .jsonl)"
                        .formatted(status.getPath()));
    }
}
