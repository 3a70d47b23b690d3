package org.i2lspark.jobs.generate;

import java.nio.file.FileSystemException;

/** Turns exceptions into sentences for a person. */
public final class Problems {
    private Problems() {}

    /** The message of an exception, or of the deepest cause that has one when it only wraps others. */
    public static String describe(Throwable problem) {
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
