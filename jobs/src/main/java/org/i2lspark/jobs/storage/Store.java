package org.i2lspark.jobs.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.PathIsNotEmptyDirectoryException;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.hdfs.DistributedFileSystem;
import org.apache.hadoop.util.functional.FutureIO;
import org.apache.hadoop.util.functional.RemoteIterators;
import org.i2lspark.jobs.storage.Retries.LastingException;

/**
 * One kind of store, and what is special in it: how a file appears complete or not at all, how it is made by one of many,
 * and how many are removed. Each method tries once; {@link Storage} tries again.
 */
abstract class Store {
    static final int BUFFER_BYTES = 1 << 20;
    static final String WHOLE = "whole-file";
    static final String RANGES = "random";

    /** How a file will be read: an object store asks for as much as suits that. */
    private static final String READ_POLICY = "fs.option.openfile.read.policy";

    private final FileSystem fileSystem;

    Store(FileSystem fileSystem) {
        this.fileSystem = fileSystem;
    }

    /** The store behind a file system. */
    static Store of(FileSystem fileSystem) {
        if (fileSystem instanceof LocalFileSystem local) {
            // leaves no checksum files behind
            return of(local.getRawFileSystem());
        }
        if (fileSystem instanceof RawLocalFileSystem local) {
            return new LocalStore(local);
        }
        if (fileSystem instanceof DistributedFileSystem hdfs) {
            return new HdfsStore(hdfs);
        }
        return "s3a".equals(fileSystem.getUri().getScheme())
                ? new ObjectStore(fileSystem)
                : new RenamingStore(fileSystem);
    }

    final FileSystem fileSystem() {
        return fileSystem;
    }

    /** Whether files appear there when their upload is complete, and renaming copies. */
    boolean isObjectStore() {
        return false;
    }

    /** Whether a byte that changes on the way to here is noticed. */
    boolean hasSafeTransport() {
        return true;
    }

    /**
     * Makes a file that nobody has made before.
     *
     * @param scratch folder for the incomplete file, where the store needs one
     * @return false when it is there already
     */
    abstract boolean createIfAbsent(Path path, Path scratch, HashedContent content) throws IOException;

    /** Makes a file, complete or not at all, over an earlier one of its name. */
    abstract void replace(Path path, Path scratch, HashedContent content) throws IOException;

    /**
     * Makes a small file over one that still has the bytes that are expected.
     *
     * @return false when it has others by now, or is not there
     */
    abstract boolean replaceIfSame(Path path, Path scratch, byte[] expected, HashedContent content) throws IOException;

    /**
     * Gives a file's bytes another name, over an earlier file of that name, without reading them.
     *
     * @return false when the store cannot do that
     */
    boolean copyWithin(Path from, Path to) throws IOException {
        return false;
    }

    /** Whether a file has these bytes. */
    final boolean has(Path path, byte[] expected) throws IOException {
        try {
            FileStatus file = status(path);
            // another file may come into its place meanwhile
            return file.getLen() == expected.length && Arrays.equals(expected, readAll(file, Integer.MAX_VALUE));
        } catch (FileNotFoundException e) {
            return false;
        }
    }

    /** Renames a complete file or folder to its place, over an earlier file of that name. */
    abstract void rename(Path from, Path to) throws IOException;

    /**
     * Deletes files; one that is not there is no failure.
     *
     * @return why some could not be deleted
     */
    abstract Map<Path, IOException> deleteAll(Collection<Path> files);

    /** Deletes a folder, if it is there and nothing is in it. */
    void deleteIfEmpty(Path folder) throws IOException {
        try {
            if (fileSystem.listStatus(folder).length == 0) {
                fileSystem.delete(folder, false);
            }
        } catch (FileNotFoundException | PathIsNotEmptyDirectoryException e) {
            // nothing to do: it is not there, or something came into it just now
            return;
        }
    }

    /** The whole content of a file, as it is there. */
    byte[] readAll(FileStatus file, long maxBytes) throws IOException {
        return readAtMost(open(file.getPath(), WHOLE), maxBytes);
    }

    static byte[] readAtMost(InputStream stream, long maxBytes) throws IOException {
        try (InputStream in = stream) {
            byte[] bytes = in.readNBytes((int) Math.min(maxBytes + 1, Integer.MAX_VALUE - 8));
            if (bytes.length > maxBytes) {
                throw new LastingException("it has more than %d bytes".formatted(maxBytes));
            }
            return bytes;
        }
    }

    final FSDataInputStream open(Path path, String policy) throws IOException {
        return FutureIO.awaitFuture(
                fileSystem.openFile(path).opt(READ_POLICY, policy).build());
    }

    /** Saves the store from being asked for the status again. */
    final FSDataInputStream open(FileStatus file) throws IOException {
        return FutureIO.awaitFuture(fileSystem
                .openFile(file.getPath())
                .opt(READ_POLICY, WHOLE)
                .withFileStatus(file)
                .build());
    }

    /** All files below a folder, page by page. */
    final RemoteIterator<FileStatus> walk(Path folder) throws IOException {
        return RemoteIterators.typeCastingRemoteIterator(fileSystem.listFiles(folder, true));
    }

    /** Files and folders directly in a folder, page by page. */
    RemoteIterator<FileStatus> list(Path folder) throws IOException {
        RemoteIterator<FileStatus> all = fileSystem.listStatusIterator(folder);
        // only here do some notice that there is no such folder
        all.hasNext();
        return all;
    }

    /** Whether a folder is a link to one that it lies in itself. */
    boolean leadsBack(Path folder) throws IOException {
        return false;
    }

    /** Asks for something at a path, or that the store says that there is nothing. */
    void reach(Path path) throws IOException {
        exists(path);
    }

    /** Begins to write a large file in the way in which the store does it, and gives it up. */
    void tryLargeUpload(Path path) throws IOException {}

    final FileStatus status(Path path) throws IOException {
        return fileSystem.getFileStatus(path);
    }

    final boolean exists(Path path) throws IOException {
        try {
            status(path);
            return true;
        } catch (FileNotFoundException e) {
            return false;
        }
    }
}
