package org.i2lspark.jobs.serve;

import java.time.Instant;

/**
 * A LoRA of a style, as a run committed it.
 *
 * @param path relative to the output
 * @param sha256 in hex
 * @param rank null where the manifest does not say
 * @param baseModel its id
 * @param strength at which it is meant to be used
 * @param run that has a row for it
 * @param approvedBy a person, or {@link #AUTOMATIC}; null while nobody has
 * @param approvedAt ISO 8601; null while nobody has
 */
public record LoraVersion(
        String fingerprint,
        String path,
        long bytes,
        String sha256,
        Integer rank,
        String baseModel,
        double strength,
        String run,
        String approvedBy,
        String approvedAt) {
    /** Who approves where no person need. */
    public static final String AUTOMATIC = "auto";

    LoraVersion approved(String by, Instant at) {
        return new LoraVersion(fingerprint, path, bytes, sha256, rank, baseModel, strength, run, by, at.toString());
    }

    /** Whether it is the same file. */
    boolean isSame(LoraVersion other) {
        return other != null && fingerprint.equals(other.fingerprint) && sha256.equals(other.sha256);
    }
}
