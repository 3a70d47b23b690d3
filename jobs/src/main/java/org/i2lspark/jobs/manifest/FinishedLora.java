package org.i2lspark.jobs.manifest;

import java.io.Serializable;

/** What the manifest says of a LoRA that was written. */
public record FinishedLora(String fingerprint, String uri, long bytes, String sha256, int rank)
        implements Serializable {}
