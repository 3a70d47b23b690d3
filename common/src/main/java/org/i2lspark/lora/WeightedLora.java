package org.i2lspark.lora;

import static java.util.Objects.requireNonNull;

/**
 * A LoRA and how strongly it acts: a layer's output y becomes y + strength·(x·Aᵀ)·Bᵀ.
 *
 * @param name for messages, such as the file's path
 * @param strength 1 for the LoRA as it is
 */
public record WeightedLora(String name, LoraSource source, double strength) {
    public WeightedLora {
        requireNonNull(name, "name is null");
        requireNonNull(source, "source is null");
        if (!Double.isFinite(strength)) {
            throw new IllegalArgumentException(
                    "Invalid strength of %s: %s (expected a number)".formatted(name, strength));
        }
    }
}
