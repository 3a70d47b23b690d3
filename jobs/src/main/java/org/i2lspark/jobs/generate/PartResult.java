package org.i2lspark.jobs.generate;

import java.io.Serializable;
import java.util.List;
import org.i2lspark.jobs.manifest.Failure;

/**
 * What a task did. Its manifest rows lie in files that the driver puts in their place, so that of several attempts at a
 * partition one alone counts.
 *
 * @param images how many were embedded
 * @param lorasFile rows of the table loras
 * @param imagesFile rows of the table images; null when there are none
 */
record PartResult(
        int part,
        long done,
        long skipped,
        long images,
        long loraBytes,
        List<StyleFailure> failures,
        String lorasFile,
        String imagesFile)
        implements Serializable {

    /** A style that failed. */
    record StyleFailure(String styleId, Failure failure) implements Serializable {}
}
