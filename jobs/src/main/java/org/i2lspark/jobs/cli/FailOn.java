package org.i2lspark.jobs.cli;

import org.i2lspark.jobs.generate.RunSummary;

/** Which failed styles a scheduler is to hear of. */
enum FailOn {
    ANY,
    NEW,
    NEVER;

    boolean fails(RunSummary summary) {
        return switch (this) {
            case ANY -> summary.counts().failed() > 0;
            case NEW -> summary.failures().fresh() > 0;
            case NEVER -> false;
        };
    }
}
