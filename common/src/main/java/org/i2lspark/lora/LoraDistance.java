package org.i2lspark.lora;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.i2lspark.lora.LoraSource.Factors;
import org.i2lspark.lora.LoraSource.Shape;

/**
 * How far two deltas lie apart.
 *
 * @param norm1 Frobenius norm of the first
 * @param norm2 Frobenius norm of the second
 * @param inner sum of the products of their entries
 */
public record LoraDistance(double norm1, double norm2, double inner) {
    /** The cosine of the angle between the deltas; NaN when one is zero. */
    public double cosine() {
        return inner / (norm1 * norm2);
    }

    /** ‖Δ1 − Δ2‖ / ‖Δ1‖. */
    public double relativeNorm() {
        return Math.sqrt(Math.max(0, norm1 * norm1 - 2 * inner + norm2 * norm2)) / norm1;
    }

    private LoraDistance plus(LoraDistance other) {
        return new LoraDistance(Math.hypot(norm1, other.norm1), Math.hypot(norm2, other.norm2), inner + other.inner);
    }

    /** All modules together. */
    public static LoraDistance total(Map<String, LoraDistance> modules) {
        return modules.values().stream().reduce(new LoraDistance(0, 0, 0), LoraDistance::plus);
    }

    /** The distance of two LoRAs module by module; a module that one lacks counts as zero there. */
    public static Map<String, LoraDistance> between(LoraSource first, LoraSource second) throws IOException {
        Transformer.requireSame("compare", List.of(first, second));
        Map<String, Shape> shapes1 = byName(first);
        Map<String, Shape> shapes2 = byName(second);
        TreeSet<String> names = new TreeSet<>(shapes1.keySet());
        names.addAll(shapes2.keySet());
        Map<String, LoraDistance> distances = new LinkedHashMap<>();
        for (String name : names) {
            Shape shape1 = shapes1.get(name);
            Shape shape2 = shapes2.get(name);
            Factors factors1 = shape1 == null ? null : first.factors(shape1);
            Factors factors2 = shape2 == null ? null : second.factors(shape2);
            double inner = 0;
            if (shape1 != null && shape2 != null) {
                if (shape1.in() != shape2.in() || shape1.out() != shape2.out()) {
                    throw new IOException("Cannot compare: %s is %dx%d in one LoRA and %dx%d in the other"
                            .formatted(name, shape1.out(), shape1.in(), shape2.out(), shape2.in()));
                }
                inner = Deltas.inner(shape1, factors1, shape2, factors2);
            }
            distances.put(name, new LoraDistance(norm(shape1, factors1), norm(shape2, factors2), inner));
        }
        return distances;
    }

    private static Map<String, Shape> byName(LoraSource source) {
        return source.modules().stream().collect(Collectors.toMap(Shape::name, Function.identity()));
    }

    private static double norm(Shape shape, Factors factors) {
        return shape == null ? 0 : Math.sqrt(Math.max(0, Deltas.inner(shape, factors, shape, factors)));
    }

    /** The Frobenius norms of a LoRA's deltas, module by module. */
    public static Map<String, Double> norms(LoraSource source) throws IOException {
        Map<String, Double> norms = new LinkedHashMap<>();
        for (Shape shape : source.modules()) {
            norms.put(shape.name(), norm(shape, source.factors(shape)));
        }
        return norms;
    }
}
