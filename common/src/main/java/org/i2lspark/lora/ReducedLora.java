package org.i2lspark.lora;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A LoRA brought to a lower rank: each module's delta is replaced by the closest one of that rank, from the eigenvectors of
 * rank×rank matrices; B·A is never formed. The same input gives the same output.
 */
public final class ReducedLora implements LoraSource {
    private final LoraSource source;
    private final Reduction reduction;

    private ReducedLora(LoraSource source, Reduction reduction) {
        this.source = source;
        this.reduction = reduction;
    }

    /** Reduces to this rank; modules of a lower rank stay as they are, brought to it with zeros. */
    public static ReducedLora toRank(LoraSource source, int rank) throws IOException {
        if (rank < 1) {
            throw new IllegalArgumentException("Invalid rank: %d (expected 1 or more)".formatted(rank));
        }
        return new ReducedLora(source, new Reduction(Math.min(rank, source.rank()), singularValues(source)));
    }

    /** Reduces to the lowest rank at which the relative error of the whole delta is at most {@code maxError}. */
    public static ReducedLora toError(LoraSource source, double maxError) throws IOException {
        if (!(maxError >= 0 && maxError < 1)) {
            throw new IllegalArgumentException("Invalid error: %s (expected 0 to 1)".formatted(maxError));
        }
        Map<String, double[]> singularValues = singularValues(source);
        for (int rank = 1; rank < source.rank(); rank++) {
            Reduction reduction = new Reduction(rank, singularValues);
            if (reduction.error() <= maxError) {
                return new ReducedLora(source, reduction);
            }
        }
        return new ReducedLora(source, new Reduction(source.rank(), singularValues));
    }

    private static Map<String, double[]> singularValues(LoraSource source) throws IOException {
        Map<String, double[]> values = new LinkedHashMap<>();
        for (Shape module : source.modules()) {
            values.put(module.name(), Deltas.singularValues(module, source.factors(module)));
        }
        return values;
    }

    /** What was lost. */
    public Reduction reduction() {
        return reduction;
    }

    @Override
    public List<Shape> modules() {
        List<Shape> modules = new ArrayList<>();
        for (Shape module : source.modules()) {
            modules.add(new Shape(module.name(), reduction.rank(), module.in(), module.out()));
        }
        return modules;
    }

    @Override
    public Factors factors(Shape module) throws IOException {
        Shape whole = source.modules().stream()
                .filter(shape -> shape.name().equals(module.name()))
                .findFirst()
                .orElseThrow();
        Factors factors = source.factors(whole);
        return whole.rank() > reduction.rank()
                ? Deltas.reduce(whole, factors, reduction.rank())
                : Ranks.pad(whole, factors, reduction.rank());
    }

    @Override
    public Map<String, String> metadata() {
        Map<String, String> metadata = new TreeMap<>(source.metadata());
        metadata.putAll(reduction.metadata());
        return metadata;
    }
}
