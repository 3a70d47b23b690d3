package org.i2lspark.jobs.generate;

import java.io.Serializable;
import org.i2lspark.jobs.UnusableException;
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

    static Preflight of(StackOptions options, Storage storage, boolean dryRun) {
        try {
            WorkOrder order = dryRun ? WorkOrder.foresee(options, storage) : WorkOrder.settle(options, storage);
            return new Preflight(null, order);
        } catch (UnusableException e) {
            return new Preflight(e.getMessage(), null);
        }
    }
}
