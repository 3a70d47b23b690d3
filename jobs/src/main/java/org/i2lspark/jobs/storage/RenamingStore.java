package org.i2lspark.jobs.storage;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** A store as Hadoop expects one: a file is written aside and renamed into place, and nothing is renamed over a file. */
class RenamingStore extends Store {
    private static final int DELETES_AT_ONCE = 8;
    /** What is done under a lock takes milliseconds. */
    private static final long LOCK_MILLIS = 60_000;

    RenamingStore(FileSystem fileSystem) {
        super(fileSystem);
    }

    @Override
    final boolean createIfAbsent(Path path, Path scratch, HashedContent content) throws IOException {
        Path temporary = writeAside(scratch, content);
        try {
            makeFolder(path.getParent());
            return moveIfAbsent(temporary, path);
        } finally {
            fileSystem().delete(temporary, false);
        }
    }

    /** Gives a complete file its name; it may keep the old one too. */
    boolean moveIfAbsent(Path temporary, Path path) throws IOException {
        if (fileSystem().rename(temporary, path)) {
            return true;
        }
        if (exists(path)) {
            return false;
        }
        throw new IOException("Cannot rename %s to %s".formatted(temporary, path));
    }

    @Override
    final void replace(Path path, Path scratch, HashedContent content) throws IOException {
        Path temporary = writeAside(scratch, content);
        try {
            rename(temporary, path);
        } catch (IOException | RuntimeException | Error e) {
            deleteAfterFailure(temporary, e);
            throw e;
        }
    }

    /** A file beside it says that somebody is at it; it is made by one of many, and forgotten when its maker has died. */
    @Override
    final boolean replaceIfSame(Path path, Path scratch, byte[] expected, HashedContent content) throws IOException {
        Path lock = new Path(path.getParent(), "." + path.getName() + ".lock");
        Path temporary = writeAside(scratch, content);
        try {
            awaitLock(lock, scratch);
            try {
                if (!has(path, expected)) {
                    return false;
                }
                rename(temporary, path);
                return true;
            } finally {
                fileSystem().delete(lock, false);
            }
        } finally {
            fileSystem().delete(temporary, false);
        }
    }

    private void awaitLock(Path lock, Path scratch) throws IOException {
        if (createIfAbsent(lock, scratch, new HashedContent(out -> {}))) {
            return;
        }
        Path clock = writeAside(scratch, new HashedContent(out -> {}));
        try {
            // by the store's own time
            if (exists(lock)
                    && status(clock).getModificationTime() - status(lock).getModificationTime() > LOCK_MILLIS) {
                fileSystem().delete(lock, false);
            }
        } finally {
            fileSystem().delete(clock, false);
        }
        throw new IOException("Cannot write: %s is there, for another is at it".formatted(lock));
    }

    /** What is there already is kept aside until the new file has its name. */
    @Override
    void rename(Path from, Path to) throws IOException {
        makeFolder(to.getParent());
        if (fileSystem().rename(from, to)) {
            return;
        }
        Path aside = new Path(to.getParent(), ".old-" + UUID.randomUUID());
        boolean isAside = fileSystem().rename(to, aside);
        boolean isInPlace = false;
        try {
            isInPlace = fileSystem().rename(from, to);
        } finally {
            if (isAside && !isInPlace) {
                fileSystem().rename(aside, to);
            }
        }
        if (!isInPlace) {
            throw new IOException("Cannot rename %s to %s".formatted(from, to));
        }
        fileSystem().delete(aside, true);
    }

    private Path writeAside(Path scratch, HashedContent content) throws IOException {
        Path temporary = new Path(scratch, "tmp-" + UUID.randomUUID());
        try (OutputStream out = create(temporary)) {
            content.writeTo(out);
        } catch (IOException | RuntimeException | Error e) {
            deleteAfterFailure(temporary, e);
            throw e;
        }
        return temporary;
    }

    void makeFolder(Path folder) throws IOException {
        fileSystem().mkdirs(folder);
    }

    OutputStream create(Path temporary) throws IOException {
        return fileSystem().create(temporary, false);
    }

    private void deleteAfterFailure(Path temporary, Throwable cause) {
        try {
            fileSystem().delete(temporary, false);
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }

    @Override
    final Map<Path, IOException> deleteAll(Collection<Path> files) {
        Map<Path, IOException> failures = new ConcurrentHashMap<>();
        List<Callable<Boolean>> deletes = files.stream()
                .<Callable<Boolean>>map(file -> () -> delete(file, failures))
                .toList();
        ExecutorService threads = Executors.newFixedThreadPool(DELETES_AT_ONCE);
        try {
            threads.invokeAll(deletes);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            files.forEach(file -> failures.putIfAbsent(file, new IOException("Interrupted while deleting", e)));
        } finally {
            threads.shutdownNow();
        }
        return failures;
    }

    private boolean delete(Path file, Map<Path, IOException> failures) {
        try {
            return Retries.run(() -> {
                if (!fileSystem().delete(file, false) && exists(file)) {
                    throw new IOException("Cannot delete " + file);
                }
                return true;
            });
        } catch (IOException e) {
            failures.put(file, e);
            return false;
        }
    }
}
