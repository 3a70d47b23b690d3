package org.i2lspark.jobs;

import java.io.IOException;

/** A run cannot start as it was asked for: its catalog, model, device or output cannot be used. Nothing was done. */
public final class UnusableException extends IOException {
    private static final long serialVersionUID = 1L;

    public UnusableException(String message) {
        super(message);
    }

    public UnusableException(String message, Throwable cause) {
        super(message, cause);
    }
}
