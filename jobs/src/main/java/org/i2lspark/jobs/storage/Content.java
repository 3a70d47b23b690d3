package org.i2lspark.jobs.storage;

import java.io.IOException;

/** Writes a file's content; called again when the store failed in between. */
@FunctionalInterface
public interface Content {
    void writeTo(HashingStream out) throws IOException;
}
