package org.i2lspark.jobs.catalog;

import java.io.IOException;
import java.io.Serializable;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.StorageLevels;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.Storage;

/**
 * The list of styles and image URIs, from a folder of images or from a table. It stays distributed: the driver only counts.
 */
public final class Catalog {
    private final String uri;
    private final Path path;
    private final TableFormat format;
    private final JavaRDD<Style> styles;
    private final Totals totals;

    private Catalog(String uri, Path path, TableFormat format, JavaRDD<Style> styles) throws UnusableException {
        this.uri = uri;
        this.path = path;
        this.format = format;
        this.styles = styles.persist(StorageLevels.DISK_ONLY);
        this.totals = count();
    }

    /**
     * What a catalog holds.
     *
     * @param problem of one of its styles; null when there is none
     */
    private record Totals(long styles, long images, String problem) implements Serializable {
        static final Totals NONE = new Totals(0, 0, null);

        Totals add(Style style) {
            return new Totals(styles + 1, images + style.images().size(), problem == null ? style.problem() : problem);
        }

        Totals add(Totals other) {
            return new Totals(styles + other.styles, images + other.images, problem == null ? other.problem : problem);
        }
    }

    /**
     * Reads a catalog: a table in Parquet (a file or a folder of them), CSV with a header, or JSON; else a
     * folder of images, which executors list.
     *
     * @throws UnusableException if there is none, if it is malformed, or if it holds no image
     */
    public static Catalog read(SparkSession spark, Storage storage, String uri) throws IOException {
        Path path = storage.qualify(new Path(uri));
        FileStatus status = storage.status(path)
                .orElseThrow(() ->
                        new UnusableException("Cannot read catalog %s: there is no such file or folder (expected %s)"
                                .formatted(uri, TableFormat.EXPECTED)));
        TableFormat format = TableFormat.of(storage, status).orElse(null);
        Catalog catalog = new Catalog(
                uri,
                path,
                format,
                format == null
                        ? FolderCatalog.read(
                                spark, storage, storage.fileSystem(path).resolvePath(path))
                        : TableCatalog.read(spark, storage, format, path, uri));
        if (catalog.styleCount() == 0) {
            catalog.close();
            throw new UnusableException("Cannot read catalog %s: it holds no images (expected %s)"
                    .formatted(
                            uri,
                            format == null
                                    ? "files ending in " + String.join(", ", FolderCatalog.EXTENSIONS)
                                    : "rows with style_id and image"));
        }
        return catalog;
    }

    private Totals count() throws UnusableException {
        Totals counted;
        try {
            counted = styles.aggregate(Totals.NONE, Totals::add, Totals::add);
        } catch (Exception e) {
            // Spark throws checked exceptions unchecked
            close();
            throw invalid(uri, e);
        }
        if (counted.problem != null) {
            close();
            throw new UnusableException("Cannot read catalog %s: %s".formatted(uri, counted.problem));
        }
        return counted;
    }

    static UnusableException invalid(String uri, Exception cause) {
        String firstLine =
                Problems.printable(Problems.describe(cause).lines().findFirst().orElse(""));
        return new UnusableException("Cannot read catalog %s: %s".formatted(uri, firstLine), cause);
    }

    public JavaRDD<Style> styles() {
        return styles;
    }

    public long styleCount() {
        return totals.styles;
    }

    public long imageCount() {
        return totals.images;
    }

    /** Whether its images were named in a table, not found by listing. */
    public boolean isTable() {
        return format != null;
    }

    /** Where it lies, with scheme. */
    public Path path() {
        return path;
    }

    /** Frees what executors keep of it. */
    public void close() {
        styles.unpersist();
    }
}
