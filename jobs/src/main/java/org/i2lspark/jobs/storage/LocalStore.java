package org.i2lspark.jobs.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.StandardCopyOption;
import java.util.Objects;
import java.util.UUID;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.util.functional.RemoteIterators;
import org.i2lspark.jobs.storage.Retries.LastingException;

/** Local files: a rename replaces, and a hard link does not. */
final class LocalStore extends RenamingStore {
    /** What Linux answers where a file system has no hard links. */
    private static final String NOT_PERMITTED = "Operation not permitted";

    private final RawLocalFileSystem local;

    LocalStore(RawLocalFileSystem fileSystem) {
        super(fileSystem);
        this.local = fileSystem;
    }

    @Override
    boolean moveIfAbsent(Path temporary, Path path) throws IOException {
        try {
            Files.createLink(file(path), file(temporary));
            return true;
        } catch (FileAlreadyExistsException e) {
            return false;
        } catch (UnsupportedOperationException e) {
            throw withoutLinks(path);
        } catch (FileSystemException e) {
            throw NOT_PERMITTED.equals(e.getReason()) ? withoutLinks(path) : e;
        }
    }

    /** A link, renamed into place; elsewhere than in the same file system there is none. */
    @Override
    boolean copyWithin(Path from, Path to) throws IOException {
        makeFolder(to.getParent());
        Path link = new Path(to.getParent(), ".link-" + UUID.randomUUID());
        try {
            Files.createLink(file(link), file(from));
        } catch (UnsupportedOperationException | FileSystemException e) {
            if (!Files.exists(file(from))) {
                throw new FileNotFoundException("Cannot copy %s: there is no such file".formatted(from));
            }
            return false;
        }
        try {
            Files.move(file(link), file(to), StandardCopyOption.ATOMIC_MOVE);
        } finally {
            // it is there still where both names were the same file already
            Files.deleteIfExists(file(link));
        }
        return true;
    }

    private static LastingException withoutLinks(Path path) {
        return new LastingException(
                "Cannot write %s: the file system has no hard links, by which one of many makes a file; use another for the output"
                        .formatted(path));
    }

    /** Here too Hadoop would start a process. */
    @Override
    void makeFolder(Path folder) throws IOException {
        // else Java takes a link to a folder for a file
        if (!Files.isDirectory(file(folder))) {
            Files.createDirectories(file(folder));
        }
    }

    /** Hadoop's create would set permissions by a process for each file, and not those of the user's umask. */
    @Override
    OutputStream create(Path temporary) throws IOException {
        makeFolder(temporary.getParent());
        Files.createFile(file(temporary));
        // what comes is in large pieces already
        return local.append(temporary, 1, null);
    }

    /** Hadoop would look and then delete whatever is in it. */
    @Override
    void deleteIfEmpty(Path folder) throws IOException {
        try {
            if (Files.isDirectory(file(folder), LinkOption.NOFOLLOW_LINKS)) {
                Files.deleteIfExists(file(folder));
            }
        } catch (DirectoryNotEmptyException e) {
            // it stays
            return;
        }
    }

    /** Hadoop's own lister keeps a status for each of the files, of which only names are kept here. */
    @Override
    RemoteIterator<FileStatus> list(Path folder) throws IOException {
        String[] names = local.pathToFile(folder).list();
        if (names == null) {
            return super.list(folder);
        }
        if (names.length > 0 && !Files.isExecutable(file(folder))) {
            // its names can be read, and nothing else
            throw new AccessDeniedException(folder.toString(), null, "Permission denied");
        }
        return RemoteIterators.filteringRemoteIterator(
                RemoteIterators.mappingRemoteIterator(
                        RemoteIterators.remoteIteratorFromArray(names), name -> statusIfThere(new Path(folder, name))),
                Objects::nonNull);
    }

    private FileStatus statusIfThere(Path path) throws IOException {
        try {
            return status(path);
        } catch (FileNotFoundException e) {
            // a link to nothing is there, unlike a file that has gone meanwhile
            return Files.isSymbolicLink(file(path)) ? new FileStatus(0, false, 1, 0, 0, path) : null;
        }
    }

    @Override
    boolean leadsBack(Path folder) throws IOException {
        java.nio.file.Path link = file(folder);
        if (!Files.isSymbolicLink(link)) {
            return false;
        }
        java.nio.file.Path target = link.toRealPath();
        for (java.nio.file.Path above = link.getParent(); above != null; above = above.getParent()) {
            if (above.toRealPath().startsWith(target)) {
                return true;
            }
        }
        return false;
    }

    private java.nio.file.Path file(Path path) {
        return local.pathToFile(path).toPath();
    }
}
