package org.i2lspark.jobs.catalog;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.List;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.StorageLevels;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.Storage;
import scala.Tuple2;

/**
 * The list of styles and image URIs, from a folder of images or from a table. It stays distributed: the driver only counts.
 */
public final class Catalog {
    private final String uri;
    private final Path path;
    private final TableFormat format;
    private final JavaRDD<Found> found;
    private final Totals totals;

    private Catalog(String uri, Path path, TableFormat format, JavaRDD<Found> found) throws UnusableException {
        this.uri = uri;
        this.path = path;
        this.format = format;
        this.found = found.persist(StorageLevels.DISK_ONLY);
        this.totals = count();
    }

    /**
     * What a catalog holds.
     *
     * @param problem of one of its styles; null when there is none
     */
    private record Totals(long styles, long images, PassedOver passedOver, String problem) implements Serializable {
        static final Totals NONE = new Totals(0, 0, PassedOver.NOTHING, null);

        Totals add(Found found) {
            Totals sum = new Totals(styles, images, passedOver.plus(found.passedOver()), problem);
            for (Style style : found.styles()) {
                sum = sum.add(new Totals(1, style.images().size(), PassedOver.NOTHING, style.problem()));
            }
            return sum;
        }

        Totals add(Totals other) {
            return new Totals(
                    styles + other.styles,
                    images + other.images,
                    passedOver.plus(other.passedOver),
                    problem == null ? other.problem : problem);
        }
    }

    /**
     * Reads a catalog: a table in Parquet (a file or a folder of them), CSV with a header, or JSON; a tar archive or a
     * folder of them; else a folder of images. Executors list the last two.
     *
     * @throws UnusableException if there is none, if it is malformed, or if it holds no image
     */
    public static Catalog read(SparkSession spark, Storage storage, String uri) throws IOException {
        Path path = storage.qualify(new Path(uri));
        FileStatus status = storage.status(path)
                .orElseThrow(() ->
                        new UnusableException("Cannot read catalog %s: there is no such file or folder (expected %s)"
                                .formatted(uri, TableFormat.EXPECTED)));
        List<Path> archives = TarCatalog.archives(storage, status);
        TableFormat format =
                archives.isEmpty() ? TableFormat.of(storage, status).orElse(null) : null;
        Catalog catalog = new Catalog(
                uri,
                path,
                format,
                archives.isEmpty() ? found(spark, storage, format, path, uri) : TarCatalog.read(spark, archives));
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

    /**
     * A catalog of styles whose embeddings an output holds.
     *
     * @param output that holds them
     * @throws UnusableException if it holds none
     */
    public static Catalog ofStored(Path output, JavaRDD<Style> styles) throws UnusableException {
        Catalog catalog = new Catalog(output.toString(), output, null, styles.map(Found::of));
        if (catalog.styleCount() == 0) {
            catalog.close();
            throw new UnusableException(
                    "Cannot decode from %s: no style of its manifest has embeddings of all its images"
                            .formatted(output));
        }
        return catalog;
    }

    private static JavaRDD<Found> found(SparkSession spark, Storage storage, TableFormat format, Path path, String uri)
            throws UnusableException {
        return format == null
                ? folder(spark, storage, path, uri)
                : TableCatalog.read(spark, storage, format, path, uri).map(Found::of);
    }

    private static JavaRDD<Found> folder(SparkSession spark, Storage storage, Path path, String uri)
            throws UnusableException {
        try {
            return FolderCatalog.read(spark, storage, storage.fileSystem(path).resolvePath(path));
        } catch (IOException | UncheckedIOException e) {
            throw invalid(uri, e);
        }
    }

    private Totals count() throws UnusableException {
        Totals counted;
        try {
            counted = found.aggregate(Totals.NONE, Totals::add, Totals::add);
            if (format == null) {
                refuseDoubledIds(styles());
            }
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

    /** Rows of one id are one style; but of folders and files, each is a style. */
    static void refuseDoubledIds(JavaRDD<Style> styles) throws IOException {
        List<Tuple2<String, List<String>>> doubled = styles.mapToPair(
                        style -> new Tuple2<>(style.id(), List.of(firstImage(style))))
                .reduceByKey((one, other) -> List.of(one.get(0), other.get(0)))
                .filter(places -> places._2().size() > 1)
                .take(1);
        if (!doubled.isEmpty()) {
            List<String> places = doubled.get(0)._2().stream().sorted().toList();
            throw new IOException("two styles have the id '%s', those of %s and %s; rename one of them"
                    .formatted(doubled.get(0)._1(), places.get(0), places.get(1)));
        }
    }

    private static String firstImage(Style style) {
        return style.images().isEmpty()
                ? "a folder that cannot be listed"
                : style.images().get(0);
    }

    static UnusableException invalid(String uri, Exception cause) {
        String firstLine =
                Problems.printable(Problems.describe(cause).lines().findFirst().orElse(""));
        return new UnusableException("Cannot read catalog %s: %s".formatted(uri, firstLine), cause);
    }

    public JavaRDD<Style> styles() {
        return found.flatMap(part -> part.styles().iterator());
    }

    /** What it does not take of what lies in its folder. */
    public PassedOver passedOver() {
        return totals.passedOver;
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

    /** Where a table's relative images count from. */
    public Path imagesFolder() {
        return TableFormat.imagesFolder(path);
    }

    /** Frees what executors keep of it. */
    public void close() {
        found.unpersist();
    }
}
