package org.i2lspark.jobs.catalog;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.Spliterators;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.i2lspark.jobs.storage.Retries;
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
    private record Listing(String folder, String relative, Extent extent) implements Serializable {
        Listing child(String name) {
            return new Listing(folder + "/" + name, relative.isEmpty() ? name : relative + "/" + name, Extent.DEEP);
        }

        Listing with(Extent other) {
            return new Listing(folder, relative, other);
        }
    }

    static JavaRDD<Style> read(SparkSession spark, Storage storage, Path root) throws IOException {
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        int enough = context.defaultParallelism() * FOLDERS_PER_SLOT;
        List<Listing> listings = listings(storage, root, enough);
        Broadcast<SerializableConfiguration> hadoop = context.broadcast(
                new SerializableConfiguration(spark.sparkContext().hadoopConfiguration()));
        JavaRDD<Listing> shared = context.parallelize(listings, Math.min(listings.size(), enough));
        if (listings.stream().anyMatch(listing -> listing.extent == Extent.WIDE)) {
            shared = shared.flatMap(
                            listing -> shareOut(new Storage(hadoop.value().value()), listing))
                    .repartition(enough);
        }
        return shared.flatMap(listing -> styles(new Storage(hadoop.value().value()), listing));
    }

    private static List<Listing> listings(Storage storage, Path root, int enough) throws IOException {
        List<Listing> listings = new ArrayList<>();
        Deque<Listing> open = new ArrayDeque<>(List.of(new Listing(root.toString(), "", Extent.DEEP)));
        for (int i = 0; i < enough && !open.isEmpty() && open.size() + listings.size() < enough; i++) {
            Listing shallowest = open.remove();
            List<Listing> children = new ArrayList<>();
            Iterator<Listing> all = children(storage, shallowest);
            while (all.hasNext() && children.size() <= MAX_FOLDERS_ON_DRIVER) {
                children.add(all.next());
            }
            if (children.size() > MAX_FOLDERS_ON_DRIVER) {
                listings.add(shallowest.with(Extent.WIDE));
            } else {
                listings.add(shallowest.with(Extent.ALONE));
                open.addAll(children);
            }
        }
        listings.addAll(open);
        return listings;
    }

    private static Iterator<Listing> shareOut(Storage storage, Listing listing) {
        if (listing.extent != Extent.WIDE) {
            return List.of(listing).iterator();
        }
        Stream<Listing> children =
                StreamSupport.stream(Spliterators.spliteratorUnknownSize(children(storage, listing), 0), false);
        return Stream.concat(Stream.of(listing.with(Extent.ALONE)), children).iterator();
    }

    /** The sub-folders of a folder, as the store pages through them. */
    private static Iterator<Listing> children(Storage storage, Listing listing) {
        Stream<FileStatus> children = stream(() -> {
            Path folder = new Path(listing.folder);
            return storage.fileSystem(folder).listStatusIterator(folder);
        });
        return children.filter(child ->
                        child.isDirectory() && !isPassedOver(child.getPath().getName()))
                .map(child -> listing.child(child.getPath().getName()))
                .iterator();
    }

    @FunctionalInterface
    private interface Opening<T> {
        RemoteIterator<? extends T> open() throws IOException;
    }

    private static <T> Stream<T> stream(Opening<T> opening) {
        try {
            RemoteIterator<? extends T> remote = Retries.run(opening::open);
            Iterator<T> iterator = new Iterator<>() {
                @Override
                public boolean hasNext() {
                    try {
                        return remote.hasNext();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                }

                @Override
                public T next() {
                    try {
                        return remote.next();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                }
            };
            return StreamSupport.stream(Spliterators.spliteratorUnknownSize(iterator, 0), false);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Iterator<Style> styles(Storage storage, Listing listing) {
        Map<String, List<Path>> byFolder = new TreeMap<>();
        Set<String> folders = new HashSet<>();
        Path root = new Path(listing.folder);
        int prefix = root.toUri().getPath().length();
        Stream<FileStatus> found = listing.extent == Extent.DEEP
                ? stream(() -> storage.fileSystem(root).listFiles(root, true))
                : stream(() -> storage.fileSystem(root).listStatusIterator(root));
        found.forEach(status -> {
            Path path = status.getPath();
            String below = path.toUri().getPath().substring(prefix).replaceFirst("^/", "");
            String relative = listing.relative.isEmpty() ? below : listing.relative + "/" + below;
            if (status.isDirectory()) {
                folders.add(relative);
            } else if (isImage(relative)) {
                byFolder.computeIfAbsent(folder(relative), ignored -> new ArrayList<>())
                        .add(path);
            }
        });
        List<Style> styles = new ArrayList<>();
        byFolder.forEach((folder, images) -> {
            images.sort(null);
            if (folder.isEmpty()) {
                styles.addAll(singles(images, folders));
            } else {
                int slash = folder.indexOf('/');
                String brand = slash < 0 ? null : folder.substring(0, slash);
                styles.add(new Style(
                        folder, brand, images.stream().map(Path::toString).toList()));
            }
        });
        return styles.iterator();
    }

    /** Images directly in the folder are named without their ending, unless that name is taken. */
    private static List<Style> singles(List<Path> images, Set<String> folders) {
        Set<String> seen = new HashSet<>(folders);
        Set<String> taken = new HashSet<>(folders);
        for (Path image : images) {
            if (!seen.add(stem(image))) {
                taken.add(stem(image));
            }
        }
        return images.stream()
                .map(image -> new Style(
                        taken.contains(stem(image)) ? image.getName() : stem(image), null, List.of(image.toString())))
                .toList();
    }

    private static boolean isImage(String relative) {
        boolean passedOver = Stream.of(relative.split("/")).anyMatch(FolderCatalog::isPassedOver);
        return !passedOver && isNamedLikeAnImage(relative);
    }

    static boolean isNamedLikeAnImage(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        return EXTENSIONS.stream().anyMatch(lower::endsWith);
    }

    private static boolean isPassedOver(String name) {
        return name.startsWith(".") || NOT_THE_USERS.contains(name.toLowerCase(Locale.ROOT));
    }

    private static String folder(String relative) {
        int slash = relative.lastIndexOf('/');
        return slash < 0 ? "" : relative.substring(0, slash);
    }

    private static String stem(Path image) {
        return image.getName().substring(0, image.getName().lastIndexOf('.'));
    }
}
