package org.i2lspark.jobs.cli;

import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.Secrets;

/** Paths and URIs as users write them. */
final class Locations {
    private Locations() {}

    /**
     * Refuses what names no place, or names it with credentials.
     *
     * @param option what the location is for, as {@code --output}
     */
    static void require(String option, String location) throws UnusableException {
        Secrets.refuseInUri(option, location);
        try {
            new Path(location);
        } catch (IllegalArgumentException e) {
            throw new UnusableException("Invalid %s: '%s' (expected a path or a URI)".formatted(option, location), e);
        }
    }
}
