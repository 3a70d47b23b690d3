package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.FileUtil;
import org.i2lspark.jobs.NativeCodecs;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Torch;

/**
 * How a run is carried out, settled once, on one executor, and the same on all: a LoRA must not depend on where it was made.
 *
 * @param model for a person
 * @param device its kind, cpu or gpu
 * @param precision in which the stack computes
 * @param batchSize images embedded at once
 * @param imagesPerTask what a task should take on, so that a lost one costs a minute or so
 * @param libtorch version and flavor, as {@code 2.7.1+cpu}
 * @param checkpoints fingerprints by name, as {@link Fingerprints#checkpoints} gives them
 */
public record WorkOrder(
        String model,
        String device,
        ElementType precision,
        int batchSize,
        int imagesPerTask,
        String libtorch,
        Map<String, String> checkpoints)
        implements Serializable {

    /**
     * Finds out what this executor can do.
     *
     * @throws UnusableException if it cannot do what is asked
     */
    public static WorkOrder settle(GenerateOptions options, Storage storage) throws UnusableException {
        NativeCodecs.require();
        Stack stack = Stack.shared(options, storage);
        SharedDecoder.require();
        return of(stack);
    }

    /**
     * The same for a run that is not to take place: checkpoints of another store are not copied, and have no fingerprints.
     *
     * @throws UnusableException if this executor cannot do what is asked
     */
    public static WorkOrder foresee(GenerateOptions options, Storage storage) throws UnusableException {
        NativeCodecs.require();
        SharedDecoder.require();
        Path scratch = null;
        try {
            scratch = Files.createTempDirectory("i2l-outline");
            try (Stack stack =
                    new Stack(options, CheckpointCache.outline(options, storage, scratch), GpuStage.index())) {
                return of(stack, Map.of());
            }
        } catch (IOException e) {
            throw new UnusableException("Cannot plan: " + Problems.describe(e), e);
        } finally {
            FileUtil.fullyDelete(scratch == null ? null : scratch.toFile());
        }
    }

    static WorkOrder of(Stack stack) {
        return of(stack, Fingerprints.checkpoints(stack.model()));
    }

    private static WorkOrder of(Stack stack, Map<String, String> checkpoints) {
        return new WorkOrder(
                stack.model().description(),
                stack.device().isCpu() ? "cpu" : "gpu",
                stack.precision(),
                stack.batchSize(),
                stack.imagesPerTask(),
                Torch.library().build(),
                new TreeMap<>(checkpoints));
    }

    /**
     * Refuses work that would not come out as on the executor that settled this.
     *
     * @param here what the executor of this process can do
     * @throws UnusableException naming what differs
     */
    void requireSame(WorkOrder here) throws UnusableException {
        requireSame("device", device, here.device);
        requireSame("precision", GenerateOptions.lower(precision), GenerateOptions.lower(here.precision));
        requireSame("batch size", batchSize, here.batchSize);
        requireSame("libtorch", libtorch, here.libtorch);
        requireSame("set of checkpoints", checkpoints.keySet(), here.checkpoints.keySet());
        for (Map.Entry<String, String> checkpoint : checkpoints.entrySet()) {
            requireSame(
                    "checkpoint " + checkpoint.getKey(),
                    checkpoint.getValue(),
                    here.checkpoints.get(checkpoint.getKey()));
        }
    }

    private static void requireSame(String what, Object settled, Object here) throws UnusableException {
        if (!settled.equals(here)) {
            throw new UnusableException(
                    "Cannot work on this executor: its %s is %s, but the run was settled on %s; make the executors alike, or say --device and --precision"
                            .formatted(what, here, settled));
        }
    }
}
