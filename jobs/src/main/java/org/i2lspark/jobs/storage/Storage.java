package org.i2lspark.jobs.storage;

import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.util.functional.FutureIO;
import org.i2lspark.jobs.storage.Retries.LastingException;

/**
 * The one way in which jobs read and write files, on whatever Hadoop file system a URI names. A file that is written
 * appears under its name complete or not at all: on an object store because an upload does, elsewhere because it is
 * renamed into place. What a store refuses for the moment is tried again.
 */
public final class Storage {
    private static final int BUFFER_BYTES = 1 << 20;
    private static final String CONDITIONAL_CREATE = "fs.option.create.conditional.overwrite";

    /** How a file will be read: an object store asks for as much as suits that. */
    private static final String READ_POLICY = "fs.option.openfile.read.policy";

    private static final Pattern MD5 = Pattern.compile("\"?[0-9a-f]{32}\"?");
    private static final String WHOLE = "whole-file";
    private static final String RANGES = "random";

    private final Configuration configuration;

    public Storage(Configuration configuration) {
        this.configuration = configuration;
    }

    /** Writes a file's content; called again when the store failed in between. */
    @FunctionalInterface
    public interface Content {
        void writeTo(OutputStream out) throws IOException;
    }

    /**
     * A file that is there for good.
     *
     * @param sha256 in hex
     * @param created whether its bytes are those of this call; false when another had made the file before
     */
    public record Stored(long bytes, String sha256, boolean created) {}

    /**
     * The whole content of a file.
     *
     * @throws LastingException if it has more bytes than the limit
     */
    public byte[] readAll(Path path, long maxBytes) throws IOException {
        return readAll(Retries.run(() -> fileSystem(path).getFileStatus(path)), maxBytes);
    }

    /**
     * The whole content of a file of which the status is known.
     *
     * @throws LastingException if it has more bytes than the limit
     */
    public byte[] readAll(FileStatus file, long maxBytes) throws IOException {
        return Retries.run(() -> {
            byte[] bytes = readOnce(file, maxBytes);
            if (isObjectStore(file.getPath())
                    && !agrees(file, bytes)
                    && !Arrays.equals(bytes, readOnce(file, maxBytes))) {
                throw new IOException("Cannot read %s: its bytes changed on the way".formatted(file.getPath()));
            }
            return bytes;
        });
    }

    /** An object's tag is mostly the MD5 of its bytes; where it is not, as with KMS keys, reading again has to agree. */
    private static boolean agrees(FileStatus status, byte[] bytes) {
        String etag = status instanceof EtagSource source ? source.getEtag() : null;
        return etag == null || !MD5.matcher(etag).matches() || etag.contains(Hashes.md5(bytes));
    }

    private byte[] readOnce(FileStatus file, long maxBytes) throws IOException {
        try (InputStream in = isObjectStore(file.getPath()) ? open(file) : open(file.getPath(), WHOLE)) {
            byte[] bytes = in.readNBytes((int) Math.min(maxBytes + 1, Integer.MAX_VALUE - 8));
            if (bytes.length > maxBytes) {
                throw new LastingException("it has more than %d bytes".formatted(maxBytes));
            }
            return bytes;
        }
    }

    /** Saves the store from being asked for the status again. */
    private FSDataInputStream open(FileStatus file) throws IOException {
        Path path = file.getPath();
        return FutureIO.awaitFuture(fileSystem(path)
                .openFile(path)
                .opt(READ_POLICY, WHOLE)
                .withFileStatus(file)
                .build());
    }

    /** A file's bytes from a position on, into the whole of a buffer. */
    public void readRange(Path path, long position, byte[] buffer, int length) throws IOException {
        Retries.run(() -> {
            try (FSDataInputStream in = open(path, RANGES)) {
                in.readFully(position, buffer, 0, length);
            }
            return null;
        });
    }

    private FSDataInputStream open(Path path, String policy) throws IOException {
        return FutureIO.awaitFuture(
                fileSystem(path).openFile(path).opt(READ_POLICY, policy).build());
    }

    /** A file to be read by ranges. */
    public SeekableByteChannel open(Path path) throws IOException {
        return Retries.run(() -> {
            FileSystem fileSystem = fileSystem(path);
            long size = fileSystem.getFileStatus(path).getLen();
            return new HadoopChannel(open(path, RANGES), size);
        });
    }

    /** What there is to know of a file or folder; nothing when there is none. */
    public Optional<FileStatus> status(Path path) throws IOException {
        try {
            return Optional.of(Retries.run(() -> fileSystem(path).getFileStatus(path)));
        } catch (FileNotFoundException e) {
            return Optional.empty();
        }
    }

    /** All files below a folder; none when there is no such folder. */
    public List<FileStatus> files(Path folder) throws IOException {
        return Retries.run(() -> {
            List<FileStatus> files = new ArrayList<>();
            try {
                RemoteIterator<LocatedFileStatus> all = fileSystem(folder).listFiles(folder, true);
                while (all.hasNext()) {
                    files.add(all.next());
                }
            } catch (FileNotFoundException e) {
                return List.of();
            }
            return files;
        });
    }

    /** Files and folders directly in a folder; none when there is no such folder. */
    public List<FileStatus> children(Path folder) throws IOException {
        return Retries.run(() -> {
            try {
                return List.of(fileSystem(folder).listStatus(folder));
            } catch (FileNotFoundException e) {
                return List.of();
            }
        });
    }

    /**
     * Makes a file that nobody has made before. Of several that make it at once, one does; the others learn what it holds.
     * When an answer of the store was lost on the way, the file is known by its hash.
     *
     * @param scratch folder for the incomplete file, on the same file system; not used on an object store
     */
    public Stored createOnce(Path path, Path scratch, Content content) throws IOException {
        return Retries.run(() -> {
            Hashing hashing = new Hashing(content);
            boolean created;
            try {
                created = isObjectStore(path)
                        ? putIfAbsent(path, hashing)
                        : linkIfAbsent(path, writeAside(path, scratch, hashing));
            } catch (IOException e) {
                if (hashing.complete && holds(path, hashing, e)) {
                    return hashing.stored(true);
                }
                throw e;
            }
            if (created) {
                return hashing.stored(true);
            }
            Stored found = hashOnce(path);
            return new Stored(found.bytes, found.sha256, found.sha256.equals(hashing.sha256()));
        });
    }

    /**
     * Writes a small file, over an earlier one of its name.
     *
     * @param scratch folder for the incomplete file, on the same file system; not used on an object store
     */
    public void replace(Path path, Path scratch, byte[] bytes) throws IOException {
        Content content = out -> out.write(bytes);
        Retries.run(() -> {
            if (isObjectStore(path)) {
                FileSystem fileSystem = fileSystem(path);
                upload(fileSystem.create(path, true), new Hashing(content));
            } else {
                rename(writeAside(path, scratch, new Hashing(content)), path);
            }
            return null;
        });
    }

    /** Content that counts and hashes itself while it is written. */
    private static final class Hashing implements Content {
        private final Content content;
        private MessageDigest digest;
        private long bytes;
        private boolean complete;

        Hashing(Content content) {
            this.content = content;
        }

        @Override
        public void writeTo(OutputStream out) throws IOException {
            digest = Hashes.sha256();
            bytes = 0;
            OutputStream hashing = new DigestOutputStream(out, digest) {
                @Override
                public void write(byte[] buffer, int offset, int length) throws IOException {
                    super.write(buffer, offset, length);
                    bytes += length;
                }

                @Override
                public void write(int value) throws IOException {
                    super.write(value);
                    bytes++;
                }
            };
            content.writeTo(hashing);
            hashing.flush();
            complete = true;
        }

        String sha256() throws IOException {
            return Hashes.hex(Hashes.copy(digest));
        }

        Stored stored(boolean created) throws IOException {
            return new Stored(bytes, sha256(), created);
        }
    }

    private boolean putIfAbsent(Path path, Hashing content) throws IOException {
        FileSystem fileSystem = fileSystem(path);
        if (!fileSystem.hasPathCapability(path, CONDITIONAL_CREATE)) {
            throw new LastingException(
                    "Cannot write %s: this Hadoop's %s cannot create a file only if it is not there (S3A of Hadoop 3.4.2 or newer can)"
                            .formatted(path, fileSystem.getUri().getScheme()));
        }
        FSDataOutputStream out = (FSDataOutputStream) fileSystem
                .createFile(path)
                .recursive()
                .overwrite(true)
                .must(CONDITIONAL_CREATE, true)
                .build();
        try {
            upload(out, content);
            return true;
        } catch (IOException e) {
            // S3A says so with RemoteFileChangedException, which Spark need not have
            if (String.valueOf(e.getMessage()).contains("412")) {
                return false;
            }
            throw e;
        }
    }

    /** Closing a stream makes the object, so when the content fails, the stream is aborted first. */
    private static void upload(FSDataOutputStream out, Content content) throws IOException {
        try (out) {
            try {
                OutputStream buffered = new BufferedOutputStream(out, BUFFER_BYTES);
                content.writeTo(buffered);
                buffered.flush();
            } catch (IOException | RuntimeException | Error e) {
                out.abort();
                throw e;
            }
        }
    }

    private Path writeAside(Path path, Path scratch, Content content) throws IOException {
        FileSystem fileSystem = fileSystem(path);
        Path temporary = new Path(scratch, "tmp-" + UUID.randomUUID());
        try (OutputStream out = new BufferedOutputStream(fileSystem.create(temporary, false), BUFFER_BYTES)) {
            content.writeTo(out);
        } catch (IOException | RuntimeException | Error e) {
            deleteAfterFailure(fileSystem, temporary, e);
            throw e;
        }
        return temporary;
    }

    private boolean linkIfAbsent(Path path, Path temporary) throws IOException {
        FileSystem fileSystem = fileSystem(path);
        fileSystem.mkdirs(path.getParent());
        try {
            if (fileSystem instanceof RawLocalFileSystem local) {
                // a local rename replaces, a hard link does not
                Files.createLink(
                        local.pathToFile(path).toPath(),
                        local.pathToFile(temporary).toPath());
                return true;
            }
            // HDFS does not rename over a file
            return fileSystem.rename(temporary, path);
        } catch (java.nio.file.FileAlreadyExistsException e) {
            return false;
        } finally {
            fileSystem.delete(temporary, false);
        }
    }

    private boolean holds(Path path, Hashing expected, Exception cause) {
        try {
            return fileSystem(path).getFileStatus(path).getLen() == expected.bytes
                    && hashOnce(path).sha256.equals(expected.sha256());
        } catch (FileNotFoundException e) {
            return false;
        } catch (IOException e) {
            cause.addSuppressed(e);
            return false;
        }
    }

    /** Size and hash of a file, which is read whole. */
    public Stored hash(Path path) throws IOException {
        return Retries.run(() -> hashOnce(path));
    }

    private Stored hashOnce(Path path) throws IOException {
        MessageDigest digest = Hashes.sha256();
        long bytes = 0;
        try (InputStream in = open(path, WHOLE)) {
            byte[] buffer = new byte[BUFFER_BYTES];
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                digest.update(buffer, 0, read);
                bytes += read;
            }
        }
        long expected = fileSystem(path).getFileStatus(path).getLen();
        if (bytes != expected) {
            throw new EOFException("Cannot read %s: got %d of %d bytes".formatted(path, bytes, expected));
        }
        return new Stored(bytes, Hashes.hex(digest), false);
    }

    /** Renames a complete file or folder to its place, replacing an earlier file of that name. */
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

    /** Deletes a file, or a folder and what is in it, if it is there. */
    public void delete(Path path) throws IOException {
        Retries.run(() -> fileSystem(path).delete(path, true));
    }

    /** Deletes a folder unless something is in it. */
    public void deleteIfEmpty(Path folder) throws IOException {
        if (status(folder).isPresent() && children(folder).isEmpty()) {
            delete(folder);
        }
    }

    /** The path with scheme and authority. */
    public Path qualify(Path path) throws IOException {
        return fileSystem(path).makeQualified(path);
    }

    /** Whether files appear there when their upload is complete, and renaming copies. */
    public boolean isObjectStore(Path path) throws IOException {
        return "s3a".equals(fileSystem(path).getUri().getScheme());
    }

    /** The file system of a path; for local files the one that leaves no checksum files behind. */
    public FileSystem fileSystem(Path path) throws IOException {
        FileSystem fileSystem = path.getFileSystem(configuration);
        return fileSystem instanceof LocalFileSystem local ? local.getRawFileSystem() : fileSystem;
    }

    private static void deleteAfterFailure(FileSystem fileSystem, Path temporary, Throwable cause) {
        try {
            fileSystem.delete(temporary, false);
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }
}
