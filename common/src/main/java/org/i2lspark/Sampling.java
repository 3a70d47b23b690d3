package org.i2lspark;

import static java.util.Objects.requireNonNull;

import org.i2lspark.diffusion.DitConfig;
import org.i2lspark.diffusion.FlowMatchConfig;
import org.i2lspark.diffusion.VaeConfig;
import org.i2lspark.image.RgbImage;
import org.i2lspark.torch.ElementType;

/**
 * How images are made; those of one call share it.
 *
 * @param width in pixels, a multiple of {@link #CELL}
 * @param height in pixels, a multiple of {@link #CELL}
 * @param steps from noise to image
 * @param guidanceScale how far to go from the negative prompt through the prompt; 1 for no guidance, which takes half the time
 * @param noise type in which noise is drawn: float32 as diffusers and ComfyUI do, or bfloat16 as DiffSynth-Studio does, which
 *     gives another image for the same seed
 */
public record Sampling(
        int width,
        int height,
        int steps,
        double guidanceScale,
        GuidanceRescaling guidanceRescaling,
        Scheduler scheduler,
        LoraScope loraScope,
        ElementType noise) {
    /** A token of the transformer is this many pixels wide and high. */
    public static final int CELL = DitConfig.PATCH * VaeConfig.SCALE;

    /** What becomes of the velocity that guidance leads to. */
    public enum GuidanceRescaling {
        /** Each token gets the length back that it has without guidance, as in diffusers. */
        TO_CONDITIONAL,
        /** It stays, as in DiffSynth-Studio. */
        NONE
    }

    /** Which noise levels an image passes. */
    public enum Scheduler {
        /** Those of the model's own scheduler, which depend on the size of the image. */
        QWEN,
        /** Those of models that were distilled to a few steps, with a LoRA such as Qwen-Image-Lightning. */
        LIGHTNING;

        FlowMatchConfig levels(FlowMatchConfig ofModel) {
            return switch (this) {
                case QWEN -> ofModel;
                case LIGHTNING -> FlowMatchConfig.LIGHTNING;
            };
        }
    }

    /** On which of guidance's two passes LoRAs act. */
    public enum LoraScope {
        BOTH,
        /** On that of the prompt alone. */
        POSITIVE_ONLY
    }

    public Sampling {
        requireSide("width", width);
        requireSide("height", height);
        if ((long) width * height > Integer.MAX_VALUE / RgbImage.CHANNELS) {
            throw new IllegalArgumentException("Invalid size: %dx%d pixels (expected at most %d in all)"
                    .formatted(width, height, Integer.MAX_VALUE / RgbImage.CHANNELS));
        }
        requireNonNull(guidanceRescaling, "guidanceRescaling is null");
        requireNonNull(scheduler, "scheduler is null");
        requireNonNull(loraScope, "loraScope is null");
        requireNonNull(noise, "noise is null");
        int minSteps = scheduler.levels(FlowMatchConfig.RELEASED).minSteps();
        if (steps < minSteps) {
            throw new IllegalArgumentException("Invalid steps: %d (expected %d or more)".formatted(steps, minSteps));
        }
        if (!(guidanceScale >= 1) || Double.isInfinite(guidanceScale)) {
            throw new IllegalArgumentException(
                    "Invalid guidance scale: %s (expected 1, for none, or more)".formatted(guidanceScale));
        }
        if (noise != ElementType.FLOAT32 && noise != ElementType.BFLOAT16) {
            throw new IllegalArgumentException(
                    "Invalid type of noise: %s (expected FLOAT32 or BFLOAT16)".formatted(noise));
        }
    }

    private static void requireSide(String name, int pixels) {
        if (pixels < CELL || pixels % CELL != 0) {
            throw new IllegalArgumentException(
                    "Invalid %s: %d (expected a multiple of %d)".formatted(name, pixels, CELL));
        }
    }

    /** What Qwen-Image's authors recommend: 50 steps, guided by 4. */
    public static Sampling ofSize(int width, int height) {
        return new Sampling(
                width,
                height,
                50,
                4,
                GuidanceRescaling.TO_CONDITIONAL,
                Scheduler.QWEN,
                LoraScope.BOTH,
                ElementType.FLOAT32);
    }

    /** Whether a negative prompt is used. */
    boolean isGuided() {
        return guidanceScale > 1;
    }

    /** Tokens from top to bottom. */
    int rows() {
        return height / CELL;
    }

    /** Tokens from left to right. */
    int columns() {
        return width / CELL;
    }
}
