package org.i2lspark.jobs.output;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.NoSuchFileException;
import java.util.Locale;
import org.i2lspark.image.DecoderUnavailableException;
import org.i2lspark.image.ImageException;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.options.Advice;
import org.i2lspark.jobs.storage.ImageSource.ForbiddenException;
import org.i2lspark.jobs.storage.ImageSource.TooManyBytesException;
import org.i2lspark.jobs.storage.Retries.LastingException;
import org.i2lspark.jobs.storage.Secrets;
import org.i2lspark.jobs.storage.StoreProblems;
import org.i2lspark.torch.Torch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Why a style or an image failed: a class that can be counted and a message that a person can act on, without secrets.
 */
public record Failure(ErrorClass errorClass, String message) implements Serializable {
    private static final Logger log = LoggerFactory.getLogger(Failure.class);

    public Failure {
        message = Secrets.redact(message);
    }

    /** Where the fault lies. */
    public enum Kind {
        IMAGE,
        CHECKPOINT,
        STORE,
        DEVICE,
        ENVIRONMENT,
        BUG;

        /** As the manifest says it. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Classes of failure. */
    public enum ErrorClass {
        IMAGE_MISSING(Kind.IMAGE),
        IMAGE_UNREADABLE(Kind.IMAGE),
        IMAGE_FORBIDDEN(Kind.IMAGE),
        IMAGE_UNSUPPORTED(Kind.IMAGE),
        IMAGE_DAMAGED(Kind.IMAGE),
        IMAGE_TOO_LARGE(Kind.IMAGE),
        IMAGE_KILLS_DECODER(Kind.IMAGE),
        TOO_MANY_IMAGES(Kind.IMAGE),
        LORA_UNREADABLE(Kind.STORE),
        STORE_READ(Kind.STORE),
        STORE_WRITE(Kind.STORE),
        DEVICE(Kind.DEVICE),
        DECODER_UNAVAILABLE(Kind.ENVIRONMENT),
        INTERNAL(Kind.BUG);

        private final Kind kind;

        ErrorClass(Kind kind) {
            this.kind = kind;
        }

        public Kind kind() {
            return kind;
        }

        /** As the manifest says it. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Why an image could not be read or decoded. */
    public static Failure ofImage(String uri, Throwable cause) {
        return of(imageErrorClass(cause), uri + ": " + Advice.on(cause), cause);
    }

    /** Why the LoRA of a style, or a picture of it, could not be made or written. */
    public static Failure ofLora(Throwable cause) {
        ErrorClass errorClass = ErrorClass.INTERNAL;
        if (cause instanceof IOException) {
            errorClass = ErrorClass.STORE_WRITE;
        } else if (Torch.isEngineProblem(cause)) {
            errorClass = ErrorClass.DEVICE;
        }
        return of(errorClass, Advice.on(cause), cause);
    }

    /** Why a LoRA that pictures were to be made with could not be read. */
    public static Failure ofReadingLora(Throwable cause) {
        return of(ErrorClass.LORA_UNREADABLE, Problems.describe(cause), cause);
    }

    /** What is nobody's fault but the program's or the machine's keeps its trace in the log of the process that met it. */
    private static Failure of(ErrorClass errorClass, String message, Throwable cause) {
        String place = errorClass.kind() == Kind.BUG ? Problems.place(cause) : "";
        Failure failure = new Failure(errorClass, message + place);
        if (failure.errorClass.kind() != Kind.IMAGE) {
            log.warn("{}: {}", failure.errorClass.id(), failure.message, cause);
        }
        return failure;
    }

    private static ErrorClass imageErrorClass(Throwable cause) {
        if (cause instanceof ImageException image) {
            return switch (image.problem()) {
                case UNSUPPORTED -> ErrorClass.IMAGE_UNSUPPORTED;
                case DAMAGED -> ErrorClass.IMAGE_DAMAGED;
                case TOO_LARGE, OUT_OF_MEMORY -> ErrorClass.IMAGE_TOO_LARGE;
                case FATAL -> ErrorClass.IMAGE_KILLS_DECODER;
            };
        }
        if (cause instanceof DecoderUnavailableException) {
            return ErrorClass.DECODER_UNAVAILABLE;
        }
        if (cause instanceof ForbiddenException) {
            return ErrorClass.IMAGE_FORBIDDEN;
        }
        if (cause instanceof TooManyBytesException) {
            return ErrorClass.IMAGE_TOO_LARGE;
        }
        if (StoreProblems.isUnreadable(cause)) {
            return ErrorClass.IMAGE_UNREADABLE;
        }
        if (cause instanceof FileNotFoundException || cause instanceof NoSuchFileException) {
            return ErrorClass.IMAGE_MISSING;
        }
        if (cause instanceof LastingException) {
            return ErrorClass.IMAGE_UNREADABLE;
        }
        return cause instanceof IOException ? ErrorClass.STORE_READ : ErrorClass.INTERNAL;
    }
}
