package org.i2lspark.jobs.generate;

import java.io.Serializable;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.ModelChoice;
import org.i2lspark.jobs.options.StackOptions;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.WorkOrder;

/**
 * What an executor says of model, device and decoder before any work begins.
 *
 * @param problem why the run cannot start there; null when it can
 * @param order how the run is carried out; null when it cannot start
 */
record Preflight(String problem, WorkOrder order) implements Serializable {

    /** How an executor settles what is asked of the stack. */
    @FunctionalInterface
    interface Way extends Serializable {
        WorkOrder settle(StackOptions options, ModelChoice choice, Storage storage) throws UnusableException;
    }

    static Preflight of(Way way, StackOptions options, ModelChoice choice, Storage storage) {
        try {
            return new Preflight(null, way.settle(options, choice, storage));
        } catch (UnusableException e) {
            return new Preflight(e.getMessage(), null);
        }
    }
}
