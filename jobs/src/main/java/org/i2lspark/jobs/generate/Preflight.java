package org.i2lspark.jobs.generate;

import java.io.IOException;
import java.io.Serializable;
import org.i2lspark.jobs.Problems;
import org.i2lspark.torch.Torch;

/**
 * What an executor says of the model and the device before any work begins.
 *
 * @param imagesPerTask what a task should take on, so that a lost one costs a minute or so
 * @param problem why the stack cannot run there; null when it can
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

    static Preflight of(GenerateOptions options) {
        try {
            Stack stack = Stack.shared(options);
            return new Preflight(
                    null,
                    stack.model().description(),
                    stack.device().name(),
                    GenerateOptions.lower(stack.precision()),
                    stack.batchSize(),
                    stack.imagesPerTask(),
                    Torch.version());
        } catch (IOException e) {
            return new Preflight(Problems.describe(e), null, null, null, 0, 0, null);
        }
    }
}
