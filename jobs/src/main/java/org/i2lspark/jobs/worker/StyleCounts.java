package org.i2lspark.jobs.worker;

import java.io.Serializable;

/**
 * How many styles came out how, in a task or in a run.
 *
 * @param skipped whose LoRA was there before
 * @param failed all that failed
 * @param failedBefore how many of the failed were not tried again
 * @param images that were embedded
 * @param loraBytes that were written
 * @param receiptsLost results that could not be kept for a restart
 * @param halvings batches that did not fit into memory and were halved
 */
public record StyleCounts(
        long done,
        long skipped,
        long failed,
        long failedBefore,
        long images,
        long loraBytes,
        long receiptsLost,
        long halvings)
        implements Serializable {
    public static final StyleCounts NONE = new StyleCounts(0, 0, 0, 0, 0, 0, 0, 0);

    /** The sum of both. */
    public StyleCounts plus(StyleCounts more) {
        return new StyleCounts(
                done + more.done,
                skipped + more.skipped,
                failed + more.failed,
                failedBefore + more.failedBefore,
                images + more.images,
                loraBytes + more.loraBytes,
                receiptsLost + more.receiptsLost,
                halvings + more.halvings);
    }

    StyleCounts plusDone(int embedded, long bytes) {
        return plus(new StyleCounts(1, 0, 0, 0, embedded, bytes, 0, 0));
    }

    StyleCounts plusSkipped() {
        return plus(new StyleCounts(0, 1, 0, 0, 0, 0, 0, 0));
    }

    StyleCounts plusFailed() {
        return plus(new StyleCounts(0, 0, 1, 0, 0, 0, 0, 0));
    }

    /** A style failed in an earlier run, and was not tried again. */
    StyleCounts plusFailedBefore() {
        return plus(new StyleCounts(0, 0, 1, 1, 0, 0, 0, 0));
    }

    StyleCounts plusReceiptLost() {
        return plus(new StyleCounts(0, 0, 0, 0, 0, 0, 1, 0));
    }

    StyleCounts plusHalvings(int times) {
        return plus(new StyleCounts(0, 0, 0, 0, 0, 0, 0, times));
    }
}
