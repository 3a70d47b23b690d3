package org.i2lspark.jobs.catalog;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.Spliterators;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.catalog.FolderListing.Folder;
import org.i2lspark.jobs.storage.ShippedStorage;
import org.i2lspark.jobs.storage.Storage;

/**
 * A folder as a catalog: each sub-folder with images is a style named by its relative path, its images in name order; an
 * image directly in the folder is a style of its own. The first folder of a path of two or more is the brand.
 *
 * <p>The driver goes down the folders only until there are enough of them to share out; executors list what is below.
 */
final class FolderCatalog {
    /** Formats that cannot be read are listed too, so that they fail with a reason instead of being passed over. */
    static final List<String> EXTENSIONS = List.of(
            ".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".pjpeg", ".pjp", ".png", ".apng", ".webp", ".tif", ".tiff",
            ".bmp", ".dib", ".gif", ".avif", ".heic", ".heif", ".jxl", ".jp2", ".psd");

    /** Bins, thumbnails and the like, which systems put beside people's files; in lower case. */
    private static final Set<String> NOT_THE_USERS = Set.of(
            "@eadir",
            "#recycle",
            "#snapshot",
            "$recycle.bin",
            "recycler",
            "system volume information",
            "__macosx",
            "lost+found");

    private static final int FOLDERS_PER_SLOT = 4;
    private static final int MAX_FOLDERS_ON_DRIVER = 1000;

    private FolderCatalog() {}

    private enum Extent {
        /** The images in the folder itself. */
        ALONE,
        /** Those in its sub-folders too. */
        DEEP,
        /** The same, but of so many sub-folders that they are shared out. */
        WIDE
    }

    /**
     * A folder to be listed by an executor.
     *
     * @param relative path below the catalog, empty for the catalog itself
     */
    private record Part(String path, String relative, Extent extent) implements Serializable {
        Part with(Extent other) {
            return new Part(path, relative, other);
        }

        Folder folder() {
            return new Folder(new Path(path), relative);
        }
    }

    static JavaRDD<Found> read(SparkSession spark, Storage storage, Path root) throws IOException {
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        int enough = context.defaultParallelism() * FOLDERS_PER_SLOT;
        List<Part> parts = parts(storage, root, enough);
        ShippedStorage shipped = ShippedStorage.of(spark);
        JavaRDD<Part> shared = context.parallelize(parts, Math.min(parts.size(), enough));
        if (parts.stream().anyMatch(part -> part.extent == Extent.WIDE)) {
            shared = shared.flatMap(part -> shareOut(shipped.here(), part)).repartition(enough);
        }
        return shared.map(part -> found(shipped.here(), part));
    }

    private static List<Part> parts(Storage storage, Path root, int enough) throws IOException {
        List<Part> parts = new ArrayList<>();
        Deque<Part> open = new ArrayDeque<>(List.of(new Part(root.toString(), "", Extent.DEEP)));
        for (int i = 0; i < enough && !open.isEmpty() && open.size() + parts.size() < enough; i++) {
            Part shallowest = open.remove();
            try {
                List<Part> children = new ArrayList<>();
                Iterator<Part> all = children(storage, shallowest);
                while (all.hasNext() && children.size() <= MAX_FOLDERS_ON_DRIVER) {
                    children.add(all.next());
                }
                if (children.size() > MAX_FOLDERS_ON_DRIVER) {
                    parts.add(shallowest.with(Extent.WIDE));
                } else {
                    parts.add(shallowest.with(Extent.ALONE));
                    open.addAll(children);
                }
            } catch (IOException | UncheckedIOException e) {
                if (shallowest.relative.isEmpty()) {
                    throw e;
                }
                // whoever lists it says so
                parts.add(shallowest);
            }
        }
        parts.addAll(open);
        return parts;
    }

    private static Iterator<Part> shareOut(Storage storage, Part part) throws IOException {
        if (part.extent != Extent.WIDE) {
            return List.of(part).iterator();
        }
        Stream<Part> children =
                StreamSupport.stream(Spliterators.spliteratorUnknownSize(children(storage, part), 0), false);
        return Stream.concat(Stream.of(part.with(Extent.ALONE)), children).iterator();
    }

    /** The sub-folders of a folder, as the store pages through them. */
    private static Iterator<Part> children(Storage storage, Part part) throws IOException {
        Folder folder = part.folder();
        Stream<FileStatus> children =
                StreamSupport.stream(Spliterators.spliteratorUnknownSize(storage.list(folder.path()), 0), false);
        return children.filter(child -> child.isDirectory()
                        && !isPassedOver(child.getPath().getName())
                        && !storage.leadsBack(child.getPath()))
                .map(folder::child)
                .map(child -> new Part(child.path().toString(), child.relative(), Extent.DEEP))
                .iterator();
    }

    private static Found found(Storage storage, Part part) throws IOException {
        FolderListing listing = new FolderListing(storage);
        if (part.extent == Extent.DEEP) {
            listing.addDeep(part.folder());
        } else {
            listing.add(part.folder());
        }
        return listing.found();
    }

    static boolean isNamedLikeAnImage(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        return EXTENSIONS.stream().anyMatch(lower::endsWith);
    }

    static boolean isPassedOver(String name) {
        return name.startsWith(".") || NOT_THE_USERS.contains(name.toLowerCase(Locale.ROOT));
    }
}
