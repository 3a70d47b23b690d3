package org.i2lspark.lora;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * A LoRA brought to a lower rank: each module's delta is replaced by the closest one of that rank. Exact, by QR of the two
 * factors and SVD of a rank×rank matrix; B·A is never formed. The same input gives the same output.
 */
public final class ReducedLora implements LoraSource {
    private final LoraSource source;
    private final int rank;
    private final Map<String, double[]> singularValues;

    private ReducedLora(LoraSource source, int rank, Map<String, double[]> singularValues) {
        this.source = source;
        this.rank = rank;
        this.singularValues = singularValues;
    }

    /** Reduces to this rank; modules of a lower rank stay as they are, brought to it with zeros. */
    public static ReducedLora toRank(LoraSource source, int rank) throws IOException {
        if (rank < 1) {
            throw new IllegalArgumentException("Invalid rank: %d (expected 1 or more)".formatted(rank));
        }
        return new ReducedLora(source, Math.min(rank, source.rank()), singularValues(source));
    }

    /** Reduces to the lowest rank at which the relative error of the whole delta is at most {@code maxError}. */
    public static ReducedLora toError(LoraSource source, double maxError) throws IOException {
        if (!(maxError >= 0 && maxError < 1)) {
            throw new IllegalArgumentException("Invalid error: %s (expected 0 to 1)".formatted(maxError));
        }
        Map<String, double[]> singularValues = singularValues(source);
        for (int rank = 1; rank < source.rank(); rank++) {
            ReducedLora reduced = new ReducedLora(source, rank, singularValues);
            if (reduced.error() <= maxError) {
                return reduced;
            }
        }
        return new ReducedLora(source, source.rank(), singularValues);
    }

    private static Map<String, double[]> singularValues(LoraSource source) throws IOException {
        Map<String, double[]> values = new LinkedHashMap<>();
        for (Shape module : source.modules()) {
            values.put(module.name(), Deltas.singularValues(module, source.factors(module)));
        }
        return values;
    }

    @Override
    public List<Shape> modules() {
        List<Shape> modules = new ArrayList<>();
        for (Shape module : source.modules()) {
            modules.add(new Shape(module.name(), rank, module.in(), module.out()));
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
        return whole.rank() > rank ? Deltas.reduce(whole, factors, rank) : Ranks.pad(whole, factors, rank);
    }

    @Override
    public Map<String, String> metadata() {
        Map<String, String> metadata = new TreeMap<>(source.metadata());
        metadata.put(LoraHeader.RANK, String.valueOf(rank));
        metadata.put("i2l.reduction_error", String.valueOf(error()));
        metadata.put(
                "i2l.reduction_error_by_module",
                errors().entrySet().stream()
                        .map(module -> String.format(Locale.ROOT, "%s=%.3e", module.getKey(), module.getValue()))
                        .collect(Collectors.joining(",")));
        return metadata;
    }

    /** ‖Δ − Δ'‖ / ‖Δ‖ over all modules together, in Frobenius norms. */
    public double error() {
        double lost = 0;
        double all = 0;
        for (double[] values : singularValues.values()) {
            lost += squares(values, rank);
            all += squares(values, 0);
        }
        return all == 0 ? 0 : Math.sqrt(lost / all);
    }

    /** ‖Δ − Δ'‖ / ‖Δ‖ of each module. */
    public Map<String, Double> errors() {
        Map<String, Double> errors = new LinkedHashMap<>();
        singularValues.forEach((module, values) -> {
            double all = squares(values, 0);
            errors.put(module, all == 0 ? 0 : Math.sqrt(squares(values, rank) / all));
        });
        return errors;
    }

    private static double squares(double[] values, int from) {
        double sum = 0;
        for (int i = from; i < values.length; i++) {
            sum += values[i] * values[i];
        }
        return sum;
    }
}
