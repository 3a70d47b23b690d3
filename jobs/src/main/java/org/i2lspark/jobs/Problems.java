package org.i2lspark.jobs;

import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
import java.util.regex.Pattern;
import org.apache.spark.SparkException;
import org.apache.spark.SparkThrowable;

/** Turns exceptions into sentences for a person. */
public final class Problems {
    private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cc}\\p{Cf}\\u2028\\u2029]");

    private static final Pattern UNPRINTABLE_IN_LINES = Pattern.compile("[\\p{Cc}\\p{Cf}\\u2028\\u2029&&[^\n\t]]");

    private static final String OURS = "org.i2lspark.";

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

    /** Whether a problem began where nothing was expected to fail. */
    public static boolean isBug(Throwable problem) {
        Throwable root = root(problem);
        return (root instanceof RuntimeException || root instanceof Error) && !(root instanceof SparkThrowable);
    }

    /** What a bug's message ends in: where in this program it came up, as {@code (at Class:line)}. */
    public static String place(Throwable bug) {
        return Arrays.stream(root(bug).getStackTrace())
                .filter(frame -> frame.getClassName().startsWith(OURS))
                .findFirst()
                .map(frame -> " (at %s:%d)".formatted(simpleName(frame.getClassName()), frame.getLineNumber()))
                .orElse("");
    }

    private static Throwable root(Throwable problem) {
        Throwable root = problem;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root;
    }

    private static String simpleName(String className) {
        return className.substring(className.lastIndexOf('.') + 1);
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
