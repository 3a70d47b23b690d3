package org.i2lspark.jobs.storage;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.RemoteIterator;

/** Hadoop's listing as an iterator of Java. */
final class Listing implements Iterator<FileStatus> {
    private final RemoteIterator<FileStatus> remote;

    Listing(RemoteIterator<FileStatus> remote) {
        this.remote = remote;
    }

    @Override
    public boolean hasNext() {
        return run(remote::hasNext);
    }

    @Override
    public FileStatus next() {
        return run(remote::next);
    }

    private static <T> T run(Retries.Action<T> action) {
        try {
            return action.run();
        } catch (FSError e) {
            throw new UncheckedIOException(StoreProblems.ofFailingDisk(e));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
