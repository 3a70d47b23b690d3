package org.i2lspark.torch;

import java.io.IOException;

/** This process cannot have a libtorch: where it should lie, what lies there or its bridge to Java cannot be used. */
public final class UnusableLibraryException extends IOException {
    private static final long serialVersionUID = 1L;

    UnusableLibraryException(String message) {
        super(message);
    }

    UnusableLibraryException(String message, Throwable cause) {
        super(message, cause);
    }
}
