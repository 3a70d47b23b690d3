package org.i2lspark.jobs.generate;

import java.io.IOException;

/** A run was stopped because too many styles failed. */
public final class StoppedException extends IOException {
    private static final long serialVersionUID = 1;

    StoppedException(String message) {
        super(message);
    }
}
