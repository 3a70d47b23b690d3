package org.i2lspark.jobs.storage;

import java.io.BufferedOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.OptionalLong;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The one way in which jobs read and write files, on whatever Hadoop file system a URI names. A file that is written
 * appears under its name complete or not at all.
 */
public final class Storage {
    private static final int BUFFER_BYTES = 1 << 20;

    private final Configuration configuration;

    public Storage(Configuration configuration) {
        this.configuration = configuration;
    }

    /** Writes a file's content. */
    @FunctionalInterface
    public interface Content {
        void writeTo(OutputStream out) throws IOException;
    }

    /** The whole content of a file. */
    public byte[] readAll(Path path) throws IOException {
        try (InputStream in = fileSystem(path).open(path)) {
            return in.readAllBytes();
        }
    }

    /** The size of a file in bytes, or nothing when there is no such file. */
    public OptionalLong size(Path path) throws IOException {
        try {
            return OptionalLong.of(fileSystem(path).getFileStatus(path).getLen());
        } catch (FileNotFoundException e) {
            return OptionalLong.empty();
        }
    }

    /**
     * Writes a file below {@code inflight} and renames it to its place when it is complete. An earlier file of that name
     * is replaced.
     */
    public void write(Path path, Path inflight, Content content) throws IOException {
        FileSystem fileSystem = fileSystem(path);
        Path temporary = new Path(inflight, UUID.randomUUID().toString());
        try {
            try (OutputStream out = new BufferedOutputStream(fileSystem.create(temporary, false), BUFFER_BYTES)) {
                content.writeTo(out);
            }
            rename(temporary, path);
        } catch (IOException | RuntimeException e) {
            deleteAfterFailure(fileSystem, temporary, e);
            throw e;
        }
    }

    /** Renames a complete file to its place, replacing an earlier one of that name. */
    public void rename(Path from, Path to) throws IOException {
        FileSystem fileSystem = fileSystem(to);
        fileSystem.mkdirs(to.getParent());
        if (!fileSystem.rename(from, to)) {
            // HDFS does not rename over an existing file
            fileSystem.delete(to, false);
            if (!fileSystem.rename(from, to)) {
                throw new IOException("Cannot rename %s to %s".formatted(from, to));
            }
        }
    }

    /** Deletes a folder and what is in it, if it is there. */
    public void deleteFolder(Path folder) throws IOException {
        fileSystem(folder).delete(folder, true);
    }

    /** Deletes the folders in a folder in which nothing was made or removed for this long. */
    public void deleteStaleFolders(Path parent, Duration age) throws IOException {
        FileSystem fileSystem = fileSystem(parent);
        if (!fileSystem.exists(parent)) {
            return;
        }
        long newest = System.currentTimeMillis() - age.toMillis();
        for (FileStatus status : fileSystem.listStatus(parent)) {
            if (status.isDirectory() && status.getModificationTime() < newest) {
                fileSystem.delete(status.getPath(), true);
            }
        }
    }

    /** Deletes a folder unless something is in it. */
    public void deleteIfEmpty(Path folder) throws IOException {
        FileSystem fileSystem = fileSystem(folder);
        if (fileSystem.exists(folder) && fileSystem.listStatus(folder).length == 0) {
            fileSystem.delete(folder, false);
        }
    }

    /** The path with scheme and authority. */
    public Path qualify(Path path) throws IOException {
        return fileSystem(path).makeQualified(path);
    }

    /** The file system of a path; for local files the one that leaves no checksum files behind. */
    public FileSystem fileSystem(Path path) throws IOException {
        FileSystem fileSystem = path.getFileSystem(configuration);
        return fileSystem instanceof LocalFileSystem local ? local.getRawFileSystem() : fileSystem;
    }

    private static void deleteAfterFailure(FileSystem fileSystem, Path temporary, Exception cause) {
        try {
            fileSystem.delete(temporary, false);
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }
}
