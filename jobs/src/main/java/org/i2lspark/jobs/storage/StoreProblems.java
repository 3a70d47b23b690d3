package org.i2lspark.jobs.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.PathIsDirectoryException;
import org.apache.hadoop.hdfs.protocol.QuotaExceededException;
import org.apache.hadoop.ipc.RemoteException;
import org.apache.hadoop.security.AccessControlException;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.Retries.LastingException;

/**
 * What a problem of a store is, by the types and codes along its causes. The texts say nothing here: they hold the names of
 * files, which may read like anything.
 */
public final class StoreProblems {
    private static final int PRECONDITION_FAILED = 412;
    private static final int CONFLICT = 409;
    private static final Set<Integer> PASSING_CLIENT_ERRORS = Set.of(408, CONFLICT, 425, 429);

    /** What S3 answers with the status 400 though it passes. */
    private static final Set<String> PASSING_CODES = Set.of("RequestTimeout", "SlowDown", "InternalError");

    /** How Linux words errors; all that Java's own files tell of them. */
    private static final String DISK_FULL = "No space left on device";

    private static final String QUOTA = "Disk quota exceeded";
    private static final String READ_ONLY = "Read-only file system";
    private static final String DENIED = "Permission denied";
    private static final String IS_FOLDER = "Is a directory";

    private StoreProblems() {}

    /** The problem as an exception that can be caught: Hadoop throws an error when a local disk fails. */
    public static IOException ofFailingDisk(FSError error) {
        return error.getCause() instanceof IOException cause ? cause : new IOException(error);
    }

    /** Whether waiting may help. */
    public static boolean isPassing(IOException problem) {
        if (has(problem, LastingException.class)
                || problem instanceof UnusableException
                || problem instanceof FileNotFoundException
                || problem instanceof FileAlreadyExistsException
                || problem instanceof java.nio.file.FileAlreadyExistsException
                || problem instanceof java.nio.file.NoSuchFileException
                || problem instanceof AccessControlException
                || problem instanceof AccessDeniedException
                || problem instanceof PathIsDirectoryException
                || isFull(problem)
                || isReadOnly(problem)) {
            return false;
        }
        OptionalInt status = httpStatus(problem);
        if (status.isPresent()) {
            return isPassingStatus(status.getAsInt(), errorCode(problem).orElse(""));
        }
        return !S3a.PRESENT || !S3aProblems.isLasting(problem);
    }

    private static boolean isPassingStatus(int status, String code) {
        if (code.equals("PreconditionFailed")) {
            return false;
        }
        // S3 may find out that it failed after it has said 200
        return status < 300
                || status == 500
                || status > 501
                || PASSING_CLIENT_ERRORS.contains(status)
                || PASSING_CODES.contains(code);
    }

    /** Whether an object store did not write because the file is there already. */
    static boolean isPreconditionFailed(IOException problem) {
        return httpStatus(problem).orElse(0) == PRECONDITION_FAILED
                || has(problem, FileAlreadyExistsException.class)
                || (S3a.PRESENT && S3aProblems.isRemoteFileChanged(problem));
    }

    /** Whether a disk has no more room, or a quota no more left. */
    public static boolean isFull(Throwable problem) {
        return anyCause(problem, cause -> isQuota(cause) || says(cause, DISK_FULL) || says(cause, QUOTA));
    }

    private static boolean isQuota(Throwable cause) {
        return cause instanceof QuotaExceededException
                || (cause instanceof RemoteException remote
                        && remote.unwrapRemoteException() instanceof QuotaExceededException);
    }

    private static boolean isReadOnly(Throwable problem) {
        return anyCause(problem, cause -> says(cause, READ_ONLY));
    }

    /** Whether a file is there that this user may not read, or that is a folder. */
    public static boolean isUnreadable(Throwable problem) {
        return problem instanceof AccessControlException
                || problem instanceof AccessDeniedException
                || problem instanceof PathIsDirectoryException
                || says(problem, DENIED)
                || says(problem, IS_FOLDER);
    }

    /**
     * Whether this is the system's reason. Java gives it in a field of its own, as the whole message, or, where a file cannot
     * be opened, in brackets at the end.
     */
    private static boolean says(Throwable problem, String reason) {
        if (problem instanceof FileSystemException file) {
            return reason.equals(file.getReason());
        }
        String message = problem.getMessage();
        if (problem instanceof FileNotFoundException) {
            return message != null && message.endsWith(" (" + reason + ")");
        }
        return problem instanceof IOException && reason.equals(message);
    }

    /** The status of a store's answer that was none. */
    public static OptionalInt httpStatus(Throwable problem) {
        return S3a.PRESENT ? S3aProblems.status(problem) : OptionalInt.empty();
    }

    /** What a store calls its problem, as {@code NoSuchBucket}. */
    public static Optional<String> errorCode(Throwable problem) {
        return S3a.PRESENT ? S3aProblems.errorCode(problem) : Optional.empty();
    }

    /** Whether there is no such bucket. */
    public static boolean isMissingStore(Throwable problem) {
        return S3a.PRESENT && S3aProblems.isUnknownStore(problem);
    }

    static boolean isWithoutCredentials(Throwable problem) {
        return S3a.PRESENT && S3aProblems.isWithoutCredentials(problem);
    }

    static boolean has(Throwable problem, Class<? extends Throwable> type) {
        return find(problem, type).isPresent();
    }

    static <T extends Throwable> Optional<T> find(Throwable problem, Class<T> type) {
        for (Throwable cause = problem; cause != null; cause = cause.getCause()) {
            if (type.isInstance(cause)) {
                return Optional.of(type.cast(cause));
            }
        }
        return Optional.empty();
    }

    private static boolean anyCause(Throwable problem, Function<Throwable, Boolean> test) {
        for (Throwable cause = problem; cause != null; cause = cause.getCause()) {
            if (test.apply(cause)) {
                return true;
            }
        }
        return false;
    }

    /** Spark need not have S3A: without it, no class that speaks of its types is ever loaded. */
    private static final class S3a {
        static final boolean PRESENT = isPresent();

        private static boolean isPresent() {
            try {
                Class.forName("org.apache.hadoop.fs.s3a.S3AFileSystem", false, S3a.class.getClassLoader());
                return true;
            } catch (ClassNotFoundException | LinkageError e) {
                return false;
            }
        }
    }
}
