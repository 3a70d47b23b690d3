package org.i2lspark.jobs.manifest;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.NoSuchFileException;
import java.util.Locale;
import org.i2lspark.image.ImageException;

/** Why a style or an image failed: a class that can be counted and a message that a person can act on. */
public record Failure(ErrorClass errorClass, String message) implements Serializable {
    /** Kinds of failure. */
    public enum ErrorClass {
        IMAGE_MISSING,
        IMAGE_UNREADABLE,
        IMAGE_UNSUPPORTED,
        IMAGE_DAMAGED,
        IMAGE_TOO_LARGE,
        TOO_MANY_IMAGES,
        OUTPUT,
        INTERNAL;

        /** As the manifest says it. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Why an image could not be read or decoded. */
    public static Failure ofImage(String uri, Throwable cause) {
        return new Failure(imageErrorClass(cause), uri + ": " + message(cause));
    }

    /** Why the LoRA of a style could not be written. */
    public static Failure ofOutput(Throwable cause) {
        return new Failure(cause instanceof IOException ? ErrorClass.OUTPUT : ErrorClass.INTERNAL, message(cause));
    }

    private static ErrorClass imageErrorClass(Throwable cause) {
        if (cause instanceof ImageException image) {
            return switch (image.problem()) {
                case UNSUPPORTED -> ErrorClass.IMAGE_UNSUPPORTED;
                case DAMAGED -> ErrorClass.IMAGE_DAMAGED;
                case TOO_LARGE -> ErrorClass.IMAGE_TOO_LARGE;
            };
        }
        if (cause instanceof FileNotFoundException || cause instanceof NoSuchFileException) {
            // Java's local files answer a denied read with FileNotFoundException too
            return String.valueOf(cause.getMessage()).contains("Permission denied")
                    ? ErrorClass.IMAGE_UNREADABLE
                    : ErrorClass.IMAGE_MISSING;
        }
        return cause instanceof IOException ? ErrorClass.IMAGE_UNREADABLE : ErrorClass.INTERNAL;
    }

    private static String message(Throwable cause) {
        String message = cause.getMessage();
        return message == null || message.isBlank() ? cause.getClass().getName() : message;
    }
}
