package org.i2lspark.jobs.options;

/** Which failed styles a scheduler is to hear of. */
public enum FailOn {
    ANY,
    NEW,
    NEVER;

    /**
     * Whether a run has failed.
     *
     * @param failed styles
     * @param fresh those of them whose failure is new
     */
    public boolean fails(long failed, long fresh) {
        return switch (this) {
            case ANY -> failed > 0;
            case NEW -> fresh > 0;
            case NEVER -> false;
        };
    }
}
