package org.i2lspark.jobs.output;

import java.io.Serializable;

/**
 * What the manifest says of a LoRA that was written.
 *
 * @param path relative to the output, so that an output can be moved
 * @param reductionError relative error of reducing it to its rank; null when it was not reduced
 */
public record FinishedLora(String fingerprint, String path, long bytes, String sha256, int rank, Double reductionError)
        implements Serializable {}
