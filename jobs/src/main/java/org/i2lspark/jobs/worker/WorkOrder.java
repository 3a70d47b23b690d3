package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.apache.hadoop.fs.FileUtil;
import org.i2lspark.LoraMetadata;
import org.i2lspark.jobs.NativeCodecs;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.ComputeOptions;
import org.i2lspark.jobs.options.ModelChoice;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.ModelInput;
import org.i2lspark.torch.Torch;

/**
 * How a run is carried out, settled once, on one executor, and the same on all: a LoRA must not depend on where it was made.
 *
 * @param model for a person
 * @param memory what is in the device's memory at a time, for a person
 * @param libtorch version and flavor, as {@code 2.7.1+cpu}
 * @param checkpoints of the stack: fingerprints by name, as {@link org.i2lspark.model.I2lModel#fingerprints} gives them
 * @param embeddings what made them; null where images are embedded in this run
 */
public record WorkOrder(
        StackSettings stack,
        String model,
        String memory,
        String libtorch,
        Map<String, String> checkpoints,
        EmbeddingOrigin embeddings)
        implements Serializable {

    /** Of a run that embeds its images. */
    public WorkOrder(
            StackSettings stack, String model, String memory, String libtorch, Map<String, String> checkpoints) {
        this(stack, model, memory, libtorch, checkpoints, null);
    }

    /** In order of names: fingerprints follow from them. */
    public WorkOrder {
        checkpoints = Collections.unmodifiableSortedMap(new TreeMap<>(checkpoints));
    }

    /**
     * Finds out what this executor can do.
     *
     * @throws UnusableException if it cannot do what is asked
     */
    public static WorkOrder settle(ComputeOptions options, ModelChoice choice, Storage storage)
            throws UnusableException {
        return settled(options, choice, storage, stacks -> {});
    }

    /**
     * The same for a run that will need the weights: they are loaded from now on, while the run is planned.
     *
     * @throws UnusableException if this executor cannot do what is asked
     */
    public static WorkOrder settleAndLoad(ComputeOptions options, ModelChoice choice, Storage storage)
            throws UnusableException {
        return settled(options, choice, storage, SharedStacks::beginLoading);
    }

    private static WorkOrder settled(
            ComputeOptions options, ModelChoice choice, Storage storage, Consumer<SharedStacks> then)
            throws UnusableException {
        NativeCodecs.require();
        SharedStacks stacks = SharedStacks.of(options.settle(choice, GpuStage.first()), storage);
        if (choice.input() == ModelInput.IMAGES) {
            SharedDecoder.require();
        }
        then.accept(stacks);
        return of(stacks.first());
    }

    /**
     * The same for a run that is not to take place: checkpoints of another store are not copied, and have no fingerprints.
     *
     * @throws UnusableException if this executor cannot do what is asked
     */
    public static WorkOrder foresee(ComputeOptions options, ModelChoice choice, Storage storage)
            throws UnusableException {
        NativeCodecs.require();
        if (choice.input() == ModelInput.IMAGES) {
            SharedDecoder.require();
        }
        Path scratch = null;
        try {
            scratch = Files.createTempDirectory("i2l-outline");
            StackSettings settings = options.settle(choice, GpuStage.first());
            Path models = CheckpointCache.outline(
                    settings.models(),
                    I2lModel.sources(settings.baseModel(), settings.variants(), settings.input()),
                    storage,
                    scratch);
            try (Stack stack = new Stack(settings, models, GpuStage.first())) {
                return of(stack, Map.of());
            }
        } catch (IOException e) {
            throw new UnusableException("Cannot plan: " + Problems.describe(e), e);
        } finally {
            FileUtil.fullyDelete(scratch == null ? null : scratch.toFile());
        }
    }

    /** For a stack of this process. */
    public static WorkOrder of(Stack stack) {
        return of(stack, stack.model().fingerprints());
    }

    private static WorkOrder of(Stack stack, Map<String, String> checkpoints) {
        return new WorkOrder(
                stack.settings(),
                stack.model().description(),
                stack.plan().description(),
                Torch.library().build(),
                checkpoints);
    }

    /** The same, of embeddings that were made before. */
    public WorkOrder of(EmbeddingOrigin origin) {
        return new WorkOrder(stack, model, memory, libtorch, checkpoints, origin);
    }

    /** All that LoRAs follow from: the stack's checkpoints, and those that made the embeddings. */
    Map<String, String> allCheckpoints() {
        Map<String, String> all = new TreeMap<>(checkpoints);
        if (embeddings != null) {
            all.putAll(embeddings.encoders());
        }
        return all;
    }

    /** What the LoRAs say of themselves. */
    LoraMetadata metadata() {
        return new LoraMetadata(
                stack.baseModel(),
                stack.variants(),
                stack.positionsMatter() ? Optional.of(stack.imagePositions()) : Optional.empty(),
                allCheckpoints());
    }

    /**
     * Refuses work that would not come out as on the executor that settled this.
     *
     * @param here what the executor of this process can do
     * @throws UnusableException naming what differs
     */
    void requireSame(WorkOrder here) throws UnusableException {
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
                    "Cannot work on this executor: its %s is %s, but the run was settled on %s; make the executors alike"
                            .formatted(what, here, settled));
        }
    }
}
