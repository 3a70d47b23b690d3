package org.i2lspark.lora;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What deltas lose when each is replaced by the closest one of a lower rank, as their singular values tell.
 *
 * @param rank to which they are reduced
 * @param singularValues of each module's delta, largest first; those below about 1e-8 of the norms of its factors, which single
 *     precision does not tell from zero, are zero
 */
public record Reduction(int rank, Map<String, double[]> singularValues) {
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

    /** ‖Δ − Δ'‖ / ‖Δ‖ of each module, in the order of the modules. */
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

    /** What a header says of it. */
    public Map<String, String> metadata() {
        Map<String, String> metadata = new TreeMap<>();
        metadata.put(LoraHeader.RANK, String.valueOf(rank));
        metadata.put("i2l.reduction_error", String.valueOf(error()));
        metadata.put(
                "i2l.reduction_error_by_module",
                errors().entrySet().stream()
                        .map(module -> String.format(Locale.ROOT, "%s=%.3e", module.getKey(), module.getValue()))
                        .collect(Collectors.joining(",")));
        return metadata;
    }
}
