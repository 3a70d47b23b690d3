package org.i2lspark.diffusion;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.i2lspark.encoder.HuggingFaceConfig;

/**
 * How the noise that is left falls from step to step: that of diffusers' {@code FlowMatchEulerDiscreteScheduler} with dynamic,
 * exponential shifting, as Qwen-Image has it.
 *
 * @param baseTokens tokens of an image to which {@code baseShift} belongs
 * @param maxTokens tokens of an image to which {@code maxShift} belongs
 * @param terminal the last noise level before none; empty where levels are not stretched to one
 */
public record FlowMatchConfig(
        int baseTokens, int maxTokens, double baseShift, double maxShift, Optional<Double> terminal) {
    /** As released with Qwen-Image. */
    public static final FlowMatchConfig RELEASED = new FlowMatchConfig(256, 8192, 0.5, 0.9, Optional.of(0.02));

    /** What models want that were distilled to a few steps (Qwen-Image-Lightning): a shift of 3 at every size. */
    public static final FlowMatchConfig LIGHTNING =
            new FlowMatchConfig(256, 8192, Math.log(3), Math.log(3), Optional.empty());

    /** Reads a {@code scheduler_config.json}. */
    public static FlowMatchConfig read(Path path) throws IOException {
        HuggingFaceConfig config = HuggingFaceConfig.readWhole(path);
        config.require("_class_name", "FlowMatchEulerDiscreteScheduler");
        config.require("use_dynamic_shifting", true);
        config.require("time_shift_type", "exponential");
        config.require("num_train_timesteps", 1000);
        for (String other : new String[] {
            "invert_sigmas", "stochastic_sampling", "use_beta_sigmas", "use_exponential_sigmas", "use_karras_sigmas"
        }) {
            config.require(other, false);
        }
        FlowMatchConfig numbers = new FlowMatchConfig(
                config.positive("base_image_seq_len", RELEASED.baseTokens),
                config.positive("max_image_seq_len", RELEASED.maxTokens),
                config.number("base_shift", RELEASED.baseShift),
                config.number("max_shift", RELEASED.maxShift),
                config.optionalNumber("shift_terminal"));
        if (numbers.maxTokens <= numbers.baseTokens) {
            throw config.invalid("max_image_seq_len", "more than base_image_seq_len, " + numbers.baseTokens);
        }
        return numbers;
    }

    /** The {@code scheduler_config.json} that {@link #read} reads. */
    public String toJson() {
        return """
                {"_class_name": "FlowMatchEulerDiscreteScheduler", "base_image_seq_len": %d, "max_image_seq_len": %d,
                 "base_shift": %s, "max_shift": %s, "shift_terminal": %s, "use_dynamic_shifting": true,
                 "time_shift_type": "exponential", "num_train_timesteps": 1000}
                """.formatted(
                        baseTokens,
                        maxTokens,
                        baseShift,
                        maxShift,
                        terminal.map(String::valueOf).orElse("null"));
    }

    /** The fewest steps: with a single one, there is nothing to stretch to the last level. */
    public int minSteps() {
        return terminal.isPresent() ? 2 : 1;
    }

    /**
     * The noise levels of a schedule, σ in [0, 1]. They are rounded to single precision where diffusers rounds them, for the
     * time's embedding turns a difference in the last digit into one in the fourth.
     *
     * @param steps at least {@link #minSteps}
     * @param imageTokens of an image
     * @return one level more than there are steps, from 1 down to 0
     */
    public float[] sigmas(int steps, int imageTokens) {
        if (steps < minSteps()) {
            throw new IllegalArgumentException("Invalid steps: %d (expected %d or more)".formatted(steps, minSteps()));
        }
        double slope = (maxShift - baseShift) / (maxTokens - baseTokens);
        float shift = (float) Math.exp(baseShift + slope * (imageTokens - baseTokens));
        float[] sigmas = new float[steps + 1];
        for (int i = 0; i < steps; i++) {
            float even = (float) (1 - (double) i / steps);
            sigmas[i] = shift / (shift + (1 / even - 1));
        }
        if (terminal.isPresent()) {
            float stretch = (1 - sigmas[steps - 1]) / (float) (1 - terminal.get());
            for (int i = 0; i < steps; i++) {
                sigmas[i] = 1 - (1 - sigmas[i]) / stretch;
            }
        }
        return sigmas;
    }
}
