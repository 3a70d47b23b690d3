package org.i2lspark.jobs;

import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.regex.Pattern;
import org.apache.spark.SparkException;

/** Turns exceptions into sentences for a person. */
public final class Problems {
    private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cc}\\p{Cf}\\u2028\\u2029]");

    private static final Pattern UNPRINTABLE_IN_LINES = Pattern.compile("[\\p{Cc}\\p{Cf}\\u2028\\u2029&&[^\n\t]]");

    private Problems() {}

    /** The message of an exception, or of its cause where it says nothing of its own. */
    public static String describe(Throwable problem) {
        if (problem instanceof SparkException && problem.getCause() != null) {
            return describe(problem.getCause());
        }
        if (problem instanceof FileSystemException file) {
            return "Cannot open %s: %s".formatted(file.getFile(), reason(file));
        }
        String message = problem.getMessage();
        if (message == null || message.isBlank()) {
            return problem.getCause() == null ? problem.getClass().getName() : describe(problem.getCause());
        }
        return message;
    }

    /** Text from data as a terminal may show it: without control characters, escapes or changes of direction. */
    public static String printable(String text) {
        return UNPRINTABLE.matcher(text).replaceAll("\uFFFD");
    }

    /** The same for text of several lines. */
    public static String printableLines(String text) {
        return UNPRINTABLE_IN_LINES.matcher(text).replaceAll("\uFFFD");
    }

    private static String reason(FileSystemException problem) {
        if (problem.getReason() != null) {
            return problem.getReason();
        }
        if (problem instanceof NoSuchFileException) {
            return "there is no such file";
        }
        return problem instanceof AccessDeniedException
                ? "access denied"
                : problem.getClass().getSimpleName();
    }
}
