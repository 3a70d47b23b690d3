package org.i2lspark.jobs.catalog;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.storage.Storage;

/** Collects the styles of a folder and of what is below it. */
final class FolderListing {
    private final Storage storage;
    private final Map<String, List<Path>> images = new TreeMap<>();
    private final Set<String> folders = new TreeSet<>();
    private final List<Style> unreadable = new ArrayList<>();
    private PassedOver passedOver = PassedOver.NOTHING;

    FolderListing(Storage storage) {
        this.storage = storage;
    }

    /**
     * A folder of a catalog.
     *
     * @param relative path below the catalog, empty for the catalog itself
     */
    record Folder(Path path, String relative) {
        Folder child(FileStatus child) {
            String name = child.getPath().getName();
            return new Folder(child.getPath(), relative.isEmpty() ? name : relative + "/" + name);
        }
    }

    /** Adds the images directly in a folder. */
    void add(Folder folder) throws IOException {
        list(folder);
    }

    /** Adds the images of a folder and of all below it. */
    void addDeep(Folder folder) throws IOException {
        if (storage.isObjectStore(folder.path)) {
            // has no folders, and lists a thousand files at a time wherever they are
            addFlat(folder);
            return;
        }
        Deque<Folder> open = new ArrayDeque<>(List.of(folder));
        while (!open.isEmpty()) {
            open.addAll(list(open.remove()));
        }
    }

    private void addFlat(Folder folder) throws IOException {
        int prefix = folder.path.toUri().getPath().length();
        Iterator<FileStatus> files = storage.walk(folder.path);
        while (files.hasNext()) {
            Path file = files.next().getPath();
            String below = file.toUri().getPath().substring(prefix).replaceFirst("^/", "");
            String relative = folder.relative.isEmpty() ? below : folder.relative + "/" + below;
            if (Stream.of(relative.split("/")).noneMatch(FolderCatalog::isPassedOver)) {
                addFile(parent(relative), file);
            }
        }
    }

    /** Adds what is directly in a folder, and gives its sub-folders. One that cannot be listed costs itself. */
    private List<Folder> list(Folder folder) throws IOException {
        try {
            List<Folder> children = new ArrayList<>();
            for (FileStatus child : children(folder)) {
                if (child.isFile()) {
                    addFile(folder.relative, child.getPath());
                } else if (storage.leadsBack(child.getPath())) {
                    passedOver = passedOver.plus(PassedOver.link(child.getPath().toString()));
                } else {
                    folders.add(folder.child(child).relative);
                    children.add(folder.child(child));
                }
            }
            return children;
        } catch (FileNotFoundException e) {
            // it has gone since its parent was listed
            return List.of();
        } catch (IOException e) {
            if (folder.relative.isEmpty()) {
                throw e;
            }
            unreadable.add(new Style(
                    folder.relative,
                    brand(folder.relative),
                    List.of(),
                    null,
                    "Cannot list folder %s: %s".formatted(folder.path, Problems.describe(e))));
            return List.of();
        }
    }

    /** All at once, so that of a folder that cannot be listed to its end nothing is taken. */
    private List<FileStatus> children(Folder folder) throws IOException {
        List<FileStatus> children = new ArrayList<>();
        try {
            Iterator<FileStatus> all = storage.list(folder.path);
            while (all.hasNext()) {
                FileStatus child = all.next();
                if (!FolderCatalog.isPassedOver(child.getPath().getName())) {
                    children.add(child);
                }
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
        return children;
    }

    private void addFile(String folder, Path file) {
        if (FolderCatalog.isNamedLikeAnImage(file.getName())) {
            images.computeIfAbsent(folder, ignored -> new ArrayList<>()).add(file);
        } else {
            passedOver = passedOver.plus(PassedOver.file(file.toString()));
        }
    }

    Found found() {
        List<Style> styles = new ArrayList<>(unreadable);
        images.forEach((folder, files) -> {
            files.sort(null);
            if (folder.isEmpty()) {
                styles.addAll(singles(files));
            } else {
                styles.add(new Style(
                        folder,
                        brand(folder),
                        files.stream().map(Path::toString).toList()));
            }
        });
        return new Found(styles, passedOver);
    }

    /** Images directly in the catalog are named without their ending, unless something else has that name. */
    private List<Style> singles(List<Path> files) {
        Set<String> taken = new HashSet<>(folders);
        files.forEach(file -> taken.add(file.getName()));
        Set<String> stems = new HashSet<>();
        for (Path file : files) {
            if (!stems.add(stem(file))) {
                taken.add(stem(file));
            }
        }
        return files.stream()
                .map(file -> new Style(
                        taken.contains(stem(file)) ? file.getName() : stem(file), null, List.of(file.toString())))
                .toList();
    }

    private static String brand(String folder) {
        int slash = folder.indexOf('/');
        return slash < 0 ? null : folder.substring(0, slash);
    }

    private static String parent(String relative) {
        int slash = relative.lastIndexOf('/');
        return slash < 0 ? "" : relative.substring(0, slash);
    }

    private static String stem(Path image) {
        return image.getName().substring(0, image.getName().lastIndexOf('.'));
    }
}
