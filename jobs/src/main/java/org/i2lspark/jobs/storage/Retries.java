package org.i2lspark.jobs.storage;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.hadoop.fs.FSError;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tries again what a store refused for the moment, with a pause that doubles. What will not change by waiting (a missing
 * file, a denied access, a full disk) is not tried again.
 */
public final class Retries {
    private static final Logger log = LoggerFactory.getLogger(Retries.class);
    private static final int ATTEMPTS = 4;
    private static final long FIRST_PAUSE_MILLIS = 250;

    private Retries() {}

    /** Something that may fail for the moment. */
    @FunctionalInterface
    public interface Action<T> {
        T run() throws IOException;
    }

    /**
     * Runs an action, up to {@value #ATTEMPTS} times within about two seconds of waiting.
     *
     * @throws IOException what the last attempt met, or the first lasting problem
     */
    public static <T> T run(Action<T> action) throws IOException {
        IOException last = null;
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            if (last != null) {
                pause(attempt, last);
            }
            try {
                return runOnce(action);
            } catch (IOException e) {
                if (!StoreProblems.isPassing(e)) {
                    throw e;
                }
                if (last != null) {
                    e.addSuppressed(last);
                }
                last = e;
                log.info("Attempt {} of {} failed", attempt + 1, ATTEMPTS, e);
            }
        }
        throw last;
    }

    private static <T> T runOnce(Action<T> action) throws IOException {
        try {
            return action.run();
        } catch (FSError e) {
            throw StoreProblems.ofFailingDisk(e);
        }
    }

    private static void pause(int attempt, IOException cause) throws IOException {
        long millis = FIRST_PAUSE_MILLIS << (attempt - 1);
        try {
            Thread.sleep(millis / 2 + ThreadLocalRandom.current().nextLong(millis));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            InterruptedIOException interrupted =
                    new InterruptedIOException("Interrupted while waiting to try again: " + cause.getMessage());
            interrupted.addSuppressed(cause);
            throw interrupted;
        }
    }

    /** A problem that another attempt would meet again. */
    public static class LastingException extends IOException {
        private static final long serialVersionUID = 1;

        public LastingException(String message) {
            super(message);
        }
    }
}
