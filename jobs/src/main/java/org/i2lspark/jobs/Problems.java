package org.i2lspark.jobs;

import java.nio.file.FileSystemException;
import org.apache.spark.SparkException;

/** Turns exceptions into sentences for a person. */
public final class Problems {
    private Problems() {}

    /** The message of an exception, or of its cause where it says nothing of its own. */
    public static String describe(Throwable problem) {
        if (problem instanceof SparkException && problem.getCause() != null) {
            return describe(problem.getCause());
        }
        if (problem instanceof FileSystemException file && file.getReason() != null) {
            return "Cannot open %s: %s".formatted(file.getFile(), file.getReason());
        }
        String message = problem.getMessage();
        if (message == null || message.isBlank()) {
            return problem.getCause() == null ? problem.getClass().getName() : describe(problem.getCause());
        }
        return message;
    }
}
