package org.i2lspark.jobs.worker;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.ImageToLora;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.I2lModel;

/** What this process computes with, for all its tasks: a stack for each GPU, and one pipeline through them. */
public final class SharedStacks {
    /** Crops lie on the heap, which is there for others too. */
    private static final long CROP_BYTES =
            Math.min(1L << 30, Runtime.getRuntime().maxMemory() / 4);

    private static final long LORA_BYTES = 3L << 30;

    private static SharedStacks current;

    private final StackSettings settings;
    private final Path models;
    private final Map<Integer, Stack> byGpu = new HashMap<>();
    private final Stack first;
    private final StackPipeline pipeline;

    private SharedStacks(StackSettings settings, Path models) throws UnusableException {
        this.settings = settings;
        this.models = models;
        int gpu = GpuStage.indexes(settings.device()).get(0);
        this.first = new Stack(settings, models, gpu);
        long crops = ImageToLora.cropSizes(first.model()).stream()
                .mapToLong(side -> 3L * side * side)
                .sum();
        this.pipeline =
                new StackPipeline(crops, new ByteBudget(cropBytes(settings)), new ByteBudget(loraBytes(settings)));
        include(gpu, first);
    }

    private static long cropBytes(StackSettings settings) {
        return settings.hostMemory() == 0 ? CROP_BYTES : Math.min(CROP_BYTES, settings.hostMemory() / 4);
    }

    private static long loraBytes(StackSettings settings) {
        return settings.hostMemory() == 0 ? LORA_BYTES : settings.hostMemory() - cropBytes(settings);
    }

    /** Those of this process for these settings. Others replace them, which only tests do: tasks at work keep theirs. */
    static synchronized SharedStacks of(StackSettings settings, Storage storage) throws UnusableException {
        if (current == null || !current.settings.equals(settings)) {
            retire();
            List<String> sources = I2lModel.sources(settings.baseModel(), settings.variants(), settings.input());
            current = new SharedStacks(settings, CheckpointCache.localFolder(settings.models(), sources, storage));
        }
        return current;
    }

    /** Gives the memory back, once the tasks at work are done. */
    static synchronized void retire() {
        if (current != null) {
            current.pipeline.retire();
            current = null;
        }
    }

    /**
     * Those of this process for a run that was settled elsewhere, with all GPUs that its task may use.
     *
     * @throws UnusableException if this process cannot do the same
     */
    public static synchronized SharedStacks of(WorkOrder order, Storage storage) throws UnusableException {
        SharedStacks shared = of(order.stack(), storage);
        order.requireSame(WorkOrder.of(shared.first));
        for (int gpu : GpuStage.indexes(order.stack().device())) {
            if (!shared.byGpu.containsKey(gpu)) {
                shared.include(gpu, new Stack(shared.settings, shared.models, gpu));
            }
        }
        return shared;
    }

    private void include(int gpu, Stack stack) {
        byGpu.put(gpu, stack);
        pipeline.include(stack);
    }

    Stack first() {
        return first;
    }

    I2lModel model() {
        return first.model();
    }

    /**
     * A way into the pipeline for a task.
     *
     * @param form of its LoRAs; null if it wants embeddings only
     */
    TaskFeed feed(LoraForm form, TaskFeed.Listener listener) {
        return pipeline.feed(form, listener);
    }

    /** Begins to load the weights of all stacks. */
    synchronized void beginLoading() {
        byGpu.values().forEach(Stack::beginLoading);
    }
}
