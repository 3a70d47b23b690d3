package org.i2lspark.jobs.catalog;

import java.io.IOException;

/** A catalog cannot be read. The message says what is wrong with it and what was expected. */
public final class CatalogException extends IOException {
    private static final long serialVersionUID = 1L;

    CatalogException(String message) {
        super(message);
    }

    CatalogException(String message, Throwable cause) {
        super(message, cause);
    }
}
