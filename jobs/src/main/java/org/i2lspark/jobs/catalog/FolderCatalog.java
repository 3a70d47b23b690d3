package org.i2lspark.jobs.catalog;

import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;

/**
 * A folder as a catalog: each sub-folder with images is a style named by its relative path, its images in name order; an
 * image directly in the folder is a style of its own. The first folder of a path of two or more is the brand.
 */
final class FolderCatalog {
    /** Formats that cannot be read are listed too, so that they fail with a reason instead of being passed over. */
    static final List<String> EXTENSIONS = List.of(
            ".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic", ".heif", ".jxl");

    private FolderCatalog() {}

    static List<Style> read(FileSystem fileSystem, Path root) throws IOException {
        Map<String, List<Path>> byFolder = new TreeMap<>();
        RemoteIterator<LocatedFileStatus> files = fileSystem.listFiles(root, true);
        while (files.hasNext()) {
            Path file = files.next().getPath();
            String relative = relative(root, file);
            if (isImage(relative)) {
                byFolder.computeIfAbsent(folder(relative), ignored -> new ArrayList<>())
                        .add(file);
            }
        }
        List<Style> styles = new ArrayList<>();
        byFolder.forEach((folder, images) -> {
            images.sort(null);
            if (!folder.isEmpty()) {
                int slash = folder.indexOf('/');
                String brand = slash < 0 ? null : folder.substring(0, slash);
                styles.add(new Style(
                        folder, brand, images.stream().map(Path::toString).toList()));
            }
        });
        styles.addAll(singles(byFolder.getOrDefault("", List.of()), byFolder.keySet()));
        return styles;
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
        String lower = relative.toLowerCase(Locale.ROOT);
        boolean hidden = relative.startsWith(".") || relative.contains("/.");
        return !hidden && EXTENSIONS.stream().anyMatch(lower::endsWith);
    }

    private static String folder(String relative) {
        int slash = relative.lastIndexOf('/');
        return slash < 0 ? "" : relative.substring(0, slash);
    }

    private static String stem(Path image) {
        return image.getName().substring(0, image.getName().lastIndexOf('.'));
    }

    private static String relative(Path root, Path file) {
        URI base = new Path(root, "x").getParent().toUri();
        return file.toUri().getPath().substring(base.getPath().length()).replaceFirst("^/", "");
    }
}
