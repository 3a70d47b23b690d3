package org.i2lspark.image.isolated;

import java.io.IOException;
import org.i2lspark.image.ImageException;
import org.i2lspark.image.ImageException.Problem;

/** A decoder's process has ended, or had to be ended, while it was decoding an image. */
final class ProcessLostException extends IOException {
    private static final long serialVersionUID = 1L;

    private final Problem problem;
    private final boolean certain;

    private ProcessLostException(Problem problem, boolean certain, String message) {
        super(message);
        this.problem = problem;
        this.certain = certain;
    }

    /** Another process would do the same with the image, if it is a good one. */
    static ProcessLostException certain(Problem problem, String message) {
        return new ProcessLostException(problem, true, message);
    }

    /** It may have been chance, such as somebody's kill. */
    static ProcessLostException perhapsByChance(String message) {
        return new ProcessLostException(Problem.FATAL, false, message);
    }

    boolean isCertain() {
        return certain;
    }

    /** The image is to blame. */
    ImageException ofImage() {
        return new ImageException(problem, getMessage());
    }
}
