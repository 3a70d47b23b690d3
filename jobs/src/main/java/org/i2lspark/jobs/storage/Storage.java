package org.i2lspark.jobs.storage;

import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.nio.channels.SeekableByteChannel;
import java.security.MessageDigest;
import java.util.Collection;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.util.functional.RemoteIterators;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.Retries.LastingException;

/**
 * The one way in which jobs read and write files, on whatever Hadoop file system a URI names. A file that is written
 * appears under its name complete or not at all: on an object store because an upload does, elsewhere because it is
 * renamed into place. What a store refuses for the moment is tried again. All its problems are IOExceptions, those of a
 * failing local disk too.
 */
public final class Storage {
    private final Configuration configuration;
    private final Store only;
    private final Map<String, Store> stores = new ConcurrentHashMap<>();

    public Storage(Configuration configuration) {
        this(configuration, null);
    }

    /** Knows one store only. */
    Storage(Configuration configuration, Store only) {
        this.configuration = configuration;
        this.only = only;
    }

    /**
     * Asks whether a store answers, lets this user in and has the bucket; whether something is at the path is not asked. To
     * be called first, by all commands, for catalog, checkpoints and output alike: it takes less than a minute where the
     * usual clients try for ten.
     *
     * @param purpose what the path is for, as {@code output}
     * @throws UnusableException that says in a line what to set
     */
    public void requireReachable(Path path, String purpose) throws UnusableException {
        new Preliminaries(configuration, path).reach(purpose);
    }

    /**
     * Does in a folder what writing LoRAs and committing them will need: makes a file that must not be there, is refused
     * it a second time, replaces it, reads it, begins a large upload, deletes it. Leaves nothing behind. To be called once by
     * a run before its work begins; takes less than a minute.
     *
     * @param purpose what the folder is for, as {@code output}
     * @throws UnusableException that says in a line what the store lacks or what to set
     */
    public void probe(Path folder, String purpose) throws UnusableException {
        new Preliminaries(configuration, folder).probe(purpose);
    }

    void reach(Path path) throws IOException {
        Retries.run(() -> {
            store(path).reach(path);
            return null;
        });
    }

    void tryLargeUpload(Path path) throws IOException {
        Retries.run(() -> {
            store(path).tryLargeUpload(path);
            return null;
        });
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
        // another file may come into its place between the two
        return Retries.run(() -> store(path).readAll(store(path).status(path), maxBytes));
    }

    /**
     * The whole content of a file of which the status is known.
     *
     * @throws LastingException if it has more bytes than the limit
     */
    public byte[] readAll(FileStatus file, long maxBytes) throws IOException {
        return Retries.run(() -> store(file.getPath()).readAll(file, maxBytes));
    }

    /** A file's bytes from a position on, into the whole of a buffer. */
    public void readRange(Path path, long position, byte[] buffer, int length) throws IOException {
        Retries.run(() -> {
            try (FSDataInputStream in = store(path).open(path, Store.RANGES)) {
                in.readFully(position, buffer, 0, length);
            }
            return null;
        });
    }

    /** A file to be read by ranges. */
    public SeekableByteChannel open(Path path) throws IOException {
        return Retries.run(() -> {
            Store store = store(path);
            long size = store.status(path).getLen();
            return new HadoopChannel(store.open(path, Store.RANGES), size);
        });
    }

    /** What there is to know of a file or folder; nothing when there is none. */
    public Optional<FileStatus> status(Path path) throws IOException {
        try {
            return Optional.of(Retries.run(() -> store(path).status(path)));
        } catch (FileNotFoundException e) {
            return Optional.empty();
        }
    }

    /** All files below a folder; none when there is no such folder. */
    public List<FileStatus> files(Path folder) throws IOException {
        return Retries.run(() -> {
            try {
                return RemoteIterators.toList(store(folder).walk(folder));
            } catch (FileNotFoundException e) {
                return List.of();
            }
        });
    }

    /**
     * All files below a folder that may hold very many: they come page by page, and are never all in memory. None when there
     * is no such folder.
     *
     * @throws java.io.UncheckedIOException from the iterator, when the store fails on the way
     */
    public Iterator<FileStatus> walk(Path folder) throws IOException {
        return listing(() -> store(folder).walk(folder));
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
     * Files and folders directly in a folder that may hold very many: they come page by page, and are never all in memory.
     * None when there is no such folder.
     *
     * @throws java.io.UncheckedIOException from the iterator, when the store fails on the way
     */
    public Iterator<FileStatus> list(Path folder) throws IOException {
        return listing(() -> store(folder).list(folder));
    }

    /** Whether a folder is a link to one that it lies in itself, so that going down into it would never end. */
    public boolean leadsBack(Path folder) {
        try {
            return store(folder).leadsBack(folder);
        } catch (IOException e) {
            // what it leads to will tell when it is listed
            return false;
        }
    }

    private static Iterator<FileStatus> listing(Retries.Action<RemoteIterator<FileStatus>> opening) throws IOException {
        try {
            return new Listing(Retries.run(opening));
        } catch (FileNotFoundException e) {
            return Collections.emptyIterator();
        }
    }

    /**
     * Makes a file that nobody has made before. Of several that make it at once, one does; the others learn what it holds.
     * When an answer of the store was lost on the way, the file is known by its hash.
     *
     * @param scratch folder for the incomplete file, on the same file system; not used on an object store
     */
    public Stored createOnce(Path path, Path scratch, Content content) throws IOException {
        return Retries.run(() -> {
            HashedContent hashed = new HashedContent(content);
            boolean created;
            try {
                created = store(path).createIfAbsent(path, scratch, hashed);
            } catch (IOException e) {
                if (hashed.isComplete() && holds(path, hashed.stored(true), e)) {
                    return hashed.stored(true);
                }
                throw e;
            }
            Stored own = hashed.stored(true);
            if (created) {
                return own;
            }
            Stored found = hashSurely(path, own.sha256);
            return new Stored(found.bytes, found.sha256, found.sha256.equals(own.sha256));
        });
    }

    /**
     * Writes a small file, over an earlier one of its name.
     *
     * @param scratch folder for the incomplete file, on the same file system; not used on an object store
     */
    public void replace(Path path, Path scratch, byte[] bytes) throws IOException {
        replace(path, scratch, out -> out.write(bytes));
    }

    /**
     * Writes a file of any size, over an earlier one of its name: who reads meanwhile gets the old bytes or the new ones.
     *
     * @param scratch folder for the incomplete file, on the same file system; not used on an object store
     * @return its size and hash, as they were written
     */
    public Stored replace(Path path, Path scratch, Content content) throws IOException {
        return Retries.run(() -> {
            HashedContent hashed = new HashedContent(content);
            store(path).replace(path, scratch, hashed);
            return hashed.stored(true);
        });
    }

    /**
     * Writes a small file if what is there is still what was read, or still nothing. Of several that do so at once, one does.
     *
     * @param expected what was read; null for no file
     * @param scratch folder for the incomplete file, on the same file system; not used on an object store
     * @return whether the file is there with these bytes; false when there is another now
     */
    public boolean compareAndSet(Path path, Path scratch, byte[] expected, byte[] bytes) throws IOException {
        return Retries.run(() -> {
            if (expected == null) {
                return createOnce(path, scratch, out -> out.write(bytes)).created();
            }
            HashedContent content = new HashedContent(out -> out.write(bytes));
            // an attempt before may have done it, and its answer was lost
            return store(path).replaceIfSame(path, scratch, expected, content)
                    || store(path).has(path, bytes);
        });
    }

    /**
     * Gives the bytes of a complete file another name, over an earlier file of that name: who reads meanwhile gets the old bytes
     * or the new ones. Within a store nothing is read: it is told to copy, or to link.
     */
    public void copy(Path from, Path to) throws IOException {
        Retries.run(() -> {
            Store store = store(to);
            if (store(from) != store || !store.copyWithin(from, to)) {
                // beside it, for a rename does not leave a file system
                replace(to, to.getParent(), out -> copyInto(from, out));
            }
            return null;
        });
    }

    private void copyInto(Path from, OutputStream out) throws IOException {
        try (InputStream in = store(from).open(from, Store.WHOLE)) {
            in.transferTo(out);
        }
    }

    private boolean holds(Path path, Stored expected, Exception cause) {
        try {
            return store(path).status(path).getLen() == expected.bytes
                    && hashSurely(path, expected.sha256).sha256.equals(expected.sha256);
        } catch (FileNotFoundException e) {
            return false;
        } catch (IOException e) {
            cause.addSuppressed(e);
            return false;
        }
    }

    /** Size and hash of a file, which is read whole; again where bytes may change on the way, until that agrees. */
    public Stored hash(Path path) throws IOException {
        return hash(path, "");
    }

    /**
     * Size and hash of a file, which is read whole.
     *
     * @param expected SHA-256 in hex that the file should have: what agrees with it did not change on the way, so that it is
     *     not read again
     */
    public Stored hash(Path path, String expected) throws IOException {
        return Retries.run(() -> hashSurely(path, expected));
    }

    private Stored hashSurely(Path path, String expected) throws IOException {
        Stored stored = hashOnce(path);
        if (!stored.sha256.equals(expected)
                && !store(path).hasSafeTransport()
                && !hashOnce(path).equals(stored)) {
            throw new IOException("Cannot read %s: its bytes changed on the way".formatted(path));
        }
        return stored;
    }

    private Stored hashOnce(Path path) throws IOException {
        MessageDigest digest = Hashes.sha256();
        long bytes = 0;
        try (InputStream in = store(path).open(path, Store.WHOLE)) {
            byte[] buffer = new byte[Store.BUFFER_BYTES];
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                digest.update(buffer, 0, read);
                bytes += read;
            }
        }
        long expected = store(path).status(path).getLen();
        if (bytes != expected) {
            throw new EOFException("Cannot read %s: got %d of %d bytes".formatted(path, bytes, expected));
        }
        return new Stored(bytes, Hashes.hex(digest), false);
    }

    /** Renames a complete file or folder to its place, replacing an earlier file of that name. */
    public void rename(Path from, Path to) throws IOException {
        try {
            store(to).rename(from, to);
        } catch (FSError e) {
            throw StoreProblems.ofFailingDisk(e);
        }
    }

    /** Deletes a file, or a folder and what is in it, if it is there. */
    public void delete(Path path) throws IOException {
        Retries.run(() -> fileSystem(path).delete(path, true));
    }

    /**
     * Deletes files of one store, many at once; what is not there any more is as good as deleted.
     *
     * @return why some could not be deleted; empty when all are gone
     */
    public Map<Path, IOException> deleteAll(Collection<Path> files) throws IOException {
        return files.isEmpty() ? Map.of() : store(files.iterator().next()).deleteAll(files);
    }

    /** Deletes a folder unless something is in it, or comes into it meanwhile. */
    public void deleteIfEmpty(Path folder) throws IOException {
        Retries.run(() -> {
            store(folder).deleteIfEmpty(folder);
            return null;
        });
    }

    /** The path with scheme and authority. */
    public Path qualify(Path path) throws IOException {
        return fileSystem(path).makeQualified(path);
    }

    /** Whether files appear there when their upload is complete, and renaming copies. */
    public boolean isObjectStore(Path path) throws IOException {
        return store(path).isObjectStore();
    }

    /** The file system of a path; for local files the one that leaves no checksum files behind. */
    public FileSystem fileSystem(Path path) throws IOException {
        return store(path).fileSystem();
    }

    private Store store(Path path) throws IOException {
        if (only != null) {
            return only;
        }
        URI uri = path.toUri();
        String key = uri.getScheme() + "://" + uri.getAuthority();
        Store store = stores.get(key);
        if (store == null) {
            store = Store.of(path.getFileSystem(configuration));
            Store other = stores.putIfAbsent(key, store);
            store = other == null ? store : other;
        }
        return store;
    }
}
