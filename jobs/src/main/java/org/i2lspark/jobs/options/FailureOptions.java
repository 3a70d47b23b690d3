package org.i2lspark.jobs.options;

import java.util.Map;
import picocli.CommandLine.Option;

/** What becomes of styles that fail, and of a run in which they do. */
public final class FailureOptions {
    @Option(
            names = "--retry-failed",
            description = {
                "Try styles again that failed before. Without it a style that failed for a lasting reason is tried again "
                        + "only when its images, the checkpoints or the options change."
            })
    private boolean retryFailed;

    @Bounds(min = 0, max = 1)
    @Option(
            names = "--max-failed-ratio",
            defaultValue = "1",
            paramLabel = "RATIO",
            description = "Stop the run when more than this share of the styles fails, such as 0.05. Default: never.")
    private double maxFailedRatio;

    @Option(
            names = "--fail-on",
            defaultValue = "any",
            paramLabel = "any|new|never",
            description = {
                "Which failed styles make the exit code 3: any, those whose failure is new since they were last in a run, "
                        + "or none. Default: ${DEFAULT-VALUE}."
            })
    private FailOn failOn;

    /** Whether styles that failed before are tried again though nothing has changed. */
    public boolean retryFailed() {
        return retryFailed;
    }

    /** The run is stopped when more than this share of the styles fails. */
    public double maxFailedRatio() {
        return maxFailedRatio;
    }

    public FailOn failOn() {
        return failOn;
    }

    void putInto(Map<String, String> map) {
        map.put("retry-failed", String.valueOf(retryFailed));
        map.put("max-failed-ratio", String.valueOf(maxFailedRatio));
    }
}
