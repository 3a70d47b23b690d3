package org.i2lspark;

import java.util.List;

/** Frees native memory. */
final class Closing {
    private Closing() {}

    /** Closes all, once. */
    static void all(List<AutoCloseable> parts) {
        for (AutoCloseable part : parts) {
            try {
                part.close();
            } catch (Exception e) {
                throw new IllegalStateException("Cannot free " + part, e);
            }
        }
        parts.clear();
    }
}
