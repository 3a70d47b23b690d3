package org.i2lspark.jobs.catalog;

import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.MemberImage;
import org.i2lspark.jobs.storage.ShippedStorage;
import org.i2lspark.jobs.storage.Storage;
import scala.Tuple2;

/**
 * A tar archive as a catalog, or a folder of them: as in a folder of images, a folder in it is a style, which may go on in
 * the next archive; images that are in none are one style if they have the same name up to the first dot, as in webdataset.
 * Members are not unpacked: an executor lists each archive by its headers.
 */
final class TarCatalog {
    private static final Pattern NAMES =
            Pattern.compile(".*\\.(tar|tar\\.[a-z0-9]+|tgz|tbz2?|txz|tzst)", Pattern.DOTALL);

    private TarCatalog() {}

    /**
     * The archives of a catalog; none where it is something else.
     *
     * @throws UnusableException if they are compressed
     */
    static List<Path> archives(Storage storage, FileStatus catalog) throws IOException {
        List<Path> archives = new ArrayList<>();
        Iterator<FileStatus> files = catalog.isDirectory()
                ? storage.list(catalog.getPath())
                : List.of(catalog).iterator();
        while (files.hasNext()) {
            FileStatus file = files.next();
            String name = file.getPath().getName();
            if (FolderCatalog.isPassedOver(name)) {
                continue;
            }
            if (file.isDirectory() || FolderCatalog.isNamedLikeAnImage(name)) {
                return List.of();
            }
            if (NAMES.matcher(lower(name)).matches()) {
                archives.add(file.getPath());
            }
        }
        for (Path archive : archives) {
            if (!lower(archive.getName()).endsWith(".tar")) {
                throw new UnusableException(
                        "Cannot read catalog %s: it is compressed, so that no image in it can be read alone; decompress it to a .tar (gzip -d, zstd -d)"
                                .formatted(archive));
            }
        }
        return archives;
    }

    private static String lower(String name) {
        return name.toLowerCase(Locale.ROOT);
    }

    /** What is found of one style, or of what an archive holds besides. */
    record Part(String id, String brand, List<MemberImage> images, PassedOver passedOver, String problem)
            implements Serializable {
        Part plus(Part other) {
            return new Part(
                    id,
                    brand,
                    Stream.concat(images.stream(), other.images.stream()).toList(),
                    passedOver.plus(other.passedOver),
                    problem == null ? other.problem : problem);
        }

        private Found found() {
            List<Style> styles = new ArrayList<>();
            if (id != null || problem != null) {
                styles.add(new Style(
                        id,
                        brand,
                        images.stream()
                                .sorted(Comparator.comparing(MemberImage::member)
                                        .thenComparing(MemberImage::file))
                                .map(MemberImage::name)
                                .toList(),
                        problem,
                        null));
            }
            return new Found(styles, passedOver);
        }
    }

    static JavaRDD<Found> read(SparkSession spark, List<Path> archives) {
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        ShippedStorage storage = ShippedStorage.of(spark);
        return context.parallelize(archives.stream().map(Path::toString).toList(), archives.size())
                .flatMap(
                        archive -> new TarListing(archive).parts(storage.here()).iterator())
                .mapToPair(part -> new Tuple2<>(key(part), part))
                .reduceByKey(Part::plus)
                .values()
                .map(Part::found);
    }

    /** Only a folder goes on in another archive; equal names of single images are no more than that. */
    private static String key(Part part) {
        if (part.id == null) {
            return "";
        }
        MemberImage first = part.images.get(0);
        return first.member().contains("/") ? "folder " + part.id : "single " + part.id + " " + first.file();
    }
}
