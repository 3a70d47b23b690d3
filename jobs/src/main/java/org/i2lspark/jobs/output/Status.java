package org.i2lspark.jobs.output;

import java.util.Locale;

/** What became of a style or an image. */
public enum Status {
    /** The LoRA was written; the image was embedded. */
    DONE,
    /** The LoRA of an earlier run still holds; the image was not embedded because another of its style failed. */
    SKIPPED,
    FAILED;

    /** As the manifest says it. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }
}
