package org.i2lspark.jobs.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.AccessDeniedException;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.PathIsDirectoryException;
import org.apache.hadoop.security.AccessControlException;

/**
 * Tries again what a store refused for the moment, with a pause that doubles. What will not change by waiting (a missing
 * file, a denied access, a full disk) is not tried again.
 */
public final class Retries {
    private static final int ATTEMPTS = 4;
    private static final long FIRST_PAUSE_MILLIS = 250;

    /** Problems of S3A that stay, by the names of its exceptions: Spark need not have S3A. */
    private static final Set<String> LASTING_S3A = Set.of(
            "UnknownStoreException",
            "AWSBadRequestException",
            "AWSRedirectException",
            "RemoteFileChangedException",
            "CredentialInitializationException",
            "NoAuthWithAWSException",
            "NoAwsCredentialsException",
            "UnsupportedRequestException");

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
                return action.run();
            } catch (IOException e) {
                if (!isTransient(e)) {
                    throw e;
                }
                if (last != null) {
                    e.addSuppressed(last);
                }
                last = e;
            }
        }
        throw last;
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

    /** Whether waiting may help. */
    static boolean isTransient(IOException problem) {
        if (problem instanceof LastingException
                || problem instanceof FileNotFoundException
                || problem instanceof FileAlreadyExistsException
                || problem instanceof java.nio.file.FileAlreadyExistsException
                || problem instanceof java.nio.file.NoSuchFileException
                || problem instanceof AccessControlException
                || problem instanceof AccessDeniedException
                || problem instanceof PathIsDirectoryException) {
            return false;
        }
        return !isLastingS3a(problem) && !isFull(problem);
    }

    private static boolean isLastingS3a(Throwable problem) {
        for (Class<?> type = problem.getClass(); type != Throwable.class; type = type.getSuperclass()) {
            if (LASTING_S3A.contains(type.getSimpleName())) {
                return true;
            }
        }
        return false;
    }

    /** A full disk does not empty while a task waits; on HDFS a quota does not grow. */
    private static boolean isFull(Throwable problem) {
        for (Throwable cause = problem; cause != null; cause = cause.getCause()) {
            String message = String.valueOf(cause.getMessage());
            if (message.contains("No space left on device") || message.contains("quota")) {
                return true;
            }
        }
        return false;
    }

    /** A problem that another attempt would meet again. */
    public static class LastingException extends IOException {
        private static final long serialVersionUID = 1;

        public LastingException(String message) {
            super(message);
        }
    }
}
