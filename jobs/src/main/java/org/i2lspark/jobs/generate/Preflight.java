package org.i2lspark.jobs.generate;

import java.io.Serializable;
import org.i2lspark.jobs.NativeCodecs;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.Stack;
import org.i2lspark.torch.Torch;

/**
 * What an executor says of the model and the device before any work begins.
 *
 * @param problem why the stack cannot run there; null when it can
 * @param imagesPerTask what a task should take on, so that a lost one costs a minute or so
 */
public record Preflight(
        String problem,
        String model,
        String device,
        String precision,
        int batchSize,
        int imagesPerTask,
        String libtorch)
        implements Serializable {

    static Preflight of(GenerateOptions options, Storage storage) {
        try {
            NativeCodecs.require();
            Stack stack = Stack.shared(options, storage);
            return new Preflight(
                    null,
                    stack.model().description(),
                    stack.device().name(),
                    GenerateOptions.lower(stack.precision()),
                    stack.batchSize(),
                    stack.imagesPerTask(),
                    Torch.version());
        } catch (UnusableException e) {
            return new Preflight(e.getMessage(), null, null, null, 0, 0, null);
        }
    }
}
