package org.i2lspark.jobs.options;

import java.io.Serializable;
import java.util.Set;
import java.util.stream.Collectors;
import org.i2lspark.BatchShape;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.ModelInput;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;

/**
 * How the stack computes, with nothing left open.
 *
 * @param models URI of the folder of checkpoints; a local one lies on every machine that runs the stack
 * @param choice what it is to make
 * @param device a CPU or a GPU
 * @param precision in which it computes
 * @param batchSize images embedded at once at most
 * @param batchShape whether they are embedded together
 * @param gpuMemory bytes that the stack may use of a GPU's memory; 0 for what is free
 * @param hostMemory bytes that images and LoRAs on their way may use; 0 for the usual
 */
public record StackSettings(
        String models,
        ModelChoice choice,
        DeviceChoice device,
        ElementType precision,
        int batchSize,
        BatchShape batchShape,
        long gpuMemory,
        long hostMemory)
        implements Serializable {
    private static final int CPU_BATCHES_PER_TASK = 2;
    private static final int GPU_BATCHES_PER_TASK = 32;

    /** From images, for Qwen-Image, with batches as they fill, and memory as it is free or usual. */
    public StackSettings(
            String models,
            Set<Variant> variants,
            ImagePositions imagePositions,
            DeviceChoice device,
            ElementType precision,
            int batchSize) {
        this(
                models,
                new ModelChoice(BaseModel.QWEN_IMAGE, variants, imagePositions, ModelInput.IMAGES),
                device,
                precision,
                batchSize,
                BatchShape.AS_FILLED,
                0,
                0);
    }

    public ModelInput input() {
        return choice.input();
    }

    public BaseModel baseModel() {
        return choice.baseModel();
    }

    public Set<Variant> variants() {
        return choice.variants();
    }

    public ImagePositions imagePositions() {
        return choice.imagePositions();
    }

    /** Names of the variants, in their fixed order. */
    public String variantText() {
        return text(variants());
    }

    static String text(Set<Variant> variants) {
        return variants.stream().sorted().map(Variant::id).collect(Collectors.joining(","));
    }

    /** Whether Qwen2.5-VL looks at the images, so that the positions matter. */
    public boolean positionsMatter() {
        return variants().contains(Variant.COARSE) || variants().contains(Variant.FINE);
    }

    /** Images that a task should take on: few where they are slow, for they are lost when a task is. */
    public int imagesPerTask() {
        return batchSize * (device == DeviceChoice.CPU ? CPU_BATCHES_PER_TASK : GPU_BATCHES_PER_TASK);
    }
}
