package org.i2lspark.safetensors;

import java.util.List;
import java.util.Map;

/** Shapes of tensors by name, as checkpoints are described. */
public final class TensorShapes {
    private TensorShapes() {}

    /** How many numbers tensors of these shapes hold together. */
    public static long elements(Map<String, List<Long>> shapes) {
        return shapes.values().stream()
                .mapToLong(shape -> shape.stream().reduce(1L, Math::multiplyExact))
                .sum();
    }

    /** Adds a weight and the bias that goes with it, as long as the weight has rows. */
    public static void putPair(Map<String, List<Long>> shapes, String name, List<Long> shape) {
        shapes.put(name + ".weight", shape);
        shapes.put(name + ".bias", List.of(shape.get(0)));
    }
}
