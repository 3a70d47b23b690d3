package org.i2lspark.image;

import java.io.IOException;

/** An image cannot be used. The message says why, and what to do about it. */
public final class ImageException extends IOException {
    private static final long serialVersionUID = 1L;

    /** What is wrong with the image. */
    public enum Problem {
        /** Not an image, or of a format that cannot be read. */
        UNSUPPORTED,
        /** Truncated or corrupt. */
        DAMAGED,
        /** More pixels than the limit allows. */
        TOO_LARGE,
        /** Decoding it takes more memory than the decoder has. */
        OUT_OF_MEMORY,
        /** It makes the decoder crash or hang. */
        FATAL
    }

    private final Problem problem;

    public ImageException(Problem problem, String message) {
        super(message);
        this.problem = problem;
    }

    ImageException(Problem problem, String message, Throwable cause) {
        super(message, cause);
        this.problem = problem;
    }

    static ImageException truncated(String detail) {
        return new ImageException(
                Problem.DAMAGED, "Cannot decode image: it is truncated (" + detail + "); copy or export it again");
    }

    static ImageException damaged(String detail, Throwable cause) {
        return new ImageException(
                Problem.DAMAGED, "Cannot decode image: it is damaged (" + detail + "); copy or export it again", cause);
    }

    public Problem problem() {
        return problem;
    }
}
