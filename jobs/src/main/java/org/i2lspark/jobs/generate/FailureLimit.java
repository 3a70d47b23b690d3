package org.i2lspark.jobs.generate;

import java.util.Locale;

/**
 * Stops a run that is going wrong: when of the styles that are through, at least {@value #ENOUGH} or all of the catalog, more
 * failed than allowed, or when so many failed that it cannot come out otherwise.
 */
final class FailureLimit {
    private static final int ENOUGH = 100;

    private final double maxRatio;
    private final long styles;
    private Runnable stop = () -> {};
    private boolean exceeded;
    private long seenFailed;
    private long seenThrough;

    /**
     * A limit for one run.
     *
     * @param maxRatio of failed styles to styles that are through, 0 to 1
     * @param styles of the catalog
     */
    FailureLimit(double maxRatio, long styles) {
        this.maxRatio = maxRatio;
        this.styles = styles;
    }

    /** No limit. */
    static FailureLimit none() {
        return new FailureLimit(Double.POSITIVE_INFINITY, 0);
    }

    synchronized void onExceeded(Runnable action) {
        this.stop = action;
    }

    /** Takes note of how far the run is. */
    synchronized void check(long failed, long through) {
        long of = Math.max(through, Math.min(ENOUGH, styles));
        if (!exceeded && failed > maxRatio * of) {
            exceeded = true;
            seenFailed = failed;
            seenThrough = through;
            stop.run();
        }
    }

    synchronized boolean isExceeded() {
        return exceeded;
    }

    synchronized String message(String output) {
        return String.format(
                Locale.ROOT,
                "Stopped: %d of the first %d styles failed, more than --max-failed-ratio %s allows; nothing was committed. The LoRAs made so far are kept in %s and are taken up by the next run. Reasons: run with --max-failed-ratio 1, or see the executors' logs",
                seenFailed,
                seenThrough,
                maxRatio,
                output);
    }
}
