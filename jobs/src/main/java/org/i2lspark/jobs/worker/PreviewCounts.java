package org.i2lspark.jobs.worker;

import java.io.Serializable;

/**
 * How many previews came out how, in a task or in a run.
 *
 * @param skipped that were there before
 * @param bytes that were written
 */
public record PreviewCounts(long done, long skipped, long failed, long bytes) implements Serializable {
    public static final PreviewCounts NONE = new PreviewCounts(0, 0, 0, 0);

    /** The sum of both. */
    public PreviewCounts plus(PreviewCounts more) {
        return new PreviewCounts(done + more.done, skipped + more.skipped, failed + more.failed, bytes + more.bytes);
    }
}
