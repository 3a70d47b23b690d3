package org.i2lspark.jobs.serve;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import org.i2lspark.jobs.output.StyleVector;
import org.i2lspark.jobs.output.StyleVector.Space;

/**
 * How far a run moved a brand, as cosine distances of centroids, from 0 to 2. The embeddings of both encoders count alike.
 *
 * @param distance between what is current of the brand and what would be after the run; empty where nothing is current
 * @param moves of the styles that were current and are in the run, by their ids
 */
public record BrandDrift(String brand, OptionalDouble distance, Map<String, Double> moves) {
    private static final int MOST_MOVED = 5;
    private static final double ROUNDING = 1e-6;

    /**
     * Compares a run to what is current.
     *
     * @param current centroids of styles, by their ids
     * @param run those of its styles; others stay where they are
     */
    static BrandDrift between(String brand, Map<String, StyleVector> current, Map<String, StyleVector> run) {
        Map<String, Double> moves = new TreeMap<>();
        run.forEach((id, vector) -> {
            if (current.containsKey(id)) {
                moves.put(id, distance(current.get(id), vector));
            }
        });
        if (current.isEmpty() || run.isEmpty()) {
            return new BrandDrift(brand, OptionalDouble.empty(), moves);
        }
        Map<String, StyleVector> after = new TreeMap<>(current);
        after.putAll(run);
        double distance = distance(StyleVector.centroid(current.values()), StyleVector.centroid(after.values()));
        return new BrandDrift(brand, OptionalDouble.of(distance), moves);
    }

    /** Vectors are of single precision: what lies below that is no move. */
    private static double distance(StyleVector a, StyleVector b) {
        double distance = a.distance(b, Space.BOTH);
        return distance < ROUNDING ? 0 : distance;
    }

    /** Whether it is at least this far. */
    boolean reaches(double limit) {
        return distance.isPresent() && distance.getAsDouble() >= limit;
    }

    /** The styles that moved most, at most five, by their ids; the farthest first. */
    public Map<String, Double> mostMoved() {
        Map<String, Double> most = new LinkedHashMap<>();
        List<Map.Entry<String, Double>> sorted = moves.entrySet().stream()
                .filter(move -> move.getValue() > 0)
                .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
                .limit(MOST_MOVED)
                .toList();
        sorted.forEach(move -> most.put(move.getKey(), move.getValue()));
        return most;
    }

    /** For a program: names and values. */
    public Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("brand", brand);
        facts.put("drift", distance.isPresent() ? distance.getAsDouble() : null);
        facts.put("most_moved", mostMoved());
        return facts;
    }
}
