package org.i2lspark.jobs.output;

import java.io.Serializable;
import java.util.Collection;
import java.util.Locale;

/**
 * Where an image, a style or a group of styles lies among others: two unit vectors, one of each encoder. The encoders'
 * embeddings have norms of different sizes; neither counts for more because of that.
 *
 * @param siglip2 of length one, or all zeros
 * @param dinov3 of length one, or all zeros
 */
public record StyleVector(float[] siglip2, float[] dinov3) implements Serializable {
    /** By which of the encoders distances are measured. */
    public enum Space {
        SIGLIP2,
        DINOV3,
        /** The mean of the distances by either. */
        BOTH;

        /** As the command line says it. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** The vector of embeddings of any length, as encoders give them. */
    public static StyleVector of(float[] siglip2, float[] dinov3) {
        return new StyleVector(normalized(siglip2), normalized(dinov3));
    }

    /**
     * The centroid of a group: the mean of its vectors, which is normalised again.
     *
     * @param vectors one or more, of equal widths
     * @throws IllegalArgumentException if there is none, or they differ in width
     */
    public static StyleVector centroid(Collection<StyleVector> vectors) {
        if (vectors.isEmpty()) {
            throw new IllegalArgumentException("Cannot tell a centroid: there is no vector");
        }
        StyleVector first = vectors.iterator().next();
        double[] siglip2 = new double[first.siglip2.length];
        double[] dinov3 = new double[first.dinov3.length];
        for (StyleVector vector : vectors) {
            add(siglip2, vector.siglip2);
            add(dinov3, vector.dinov3);
        }
        return new StyleVector(normalized(siglip2), normalized(dinov3));
    }

    /**
     * The cosine distance, from 0 (same direction) to 2.
     *
     * @throws IllegalArgumentException if they differ in width
     */
    public double distance(StyleVector other, Space space) {
        return switch (space) {
            case SIGLIP2 -> 1 - dot(siglip2, other.siglip2);
            case DINOV3 -> 1 - dot(dinov3, other.dinov3);
            case BOTH -> 1 - (dot(siglip2, other.siglip2) + dot(dinov3, other.dinov3)) / 2;
        };
    }

    private static void add(double[] sum, float[] vector) {
        requireWidth(sum.length, vector.length);
        for (int i = 0; i < sum.length; i++) {
            sum[i] += vector[i];
        }
    }

    private static double dot(float[] a, float[] b) {
        requireWidth(a.length, b.length);
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) a[i] * b[i];
        }
        return sum;
    }

    private static void requireWidth(int width, int other) {
        if (width != other) {
            throw new IllegalArgumentException(
                    "Cannot compare embeddings of %d values with others of %d".formatted(width, other));
        }
    }

    private static float[] normalized(float[] vector) {
        double[] copy = new double[vector.length];
        add(copy, vector);
        return normalized(copy);
    }

    private static float[] normalized(double[] vector) {
        double squares = 0;
        for (double value : vector) {
            squares += value * value;
        }
        double length = squares == 0 ? 1 : Math.sqrt(squares);
        float[] unit = new float[vector.length];
        for (int i = 0; i < unit.length; i++) {
            unit[i] = (float) (vector[i] / length);
        }
        return unit;
    }
}
