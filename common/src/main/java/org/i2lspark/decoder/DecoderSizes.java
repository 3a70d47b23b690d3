package org.i2lspark.decoder;

import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;
import org.i2lspark.safetensors.TensorStore;

/**
 * How many weights a decoder has.
 *
 * @param factors of the layers that make the factors
 * @param factorsPassing the most of these that are in memory when they pass through it, two blocks at a time
 * @param residual of the layers that look at hidden states; 0 for Style
 * @param residualPassing the most of these that are in memory when they pass through it
 */
public record DecoderSizes(long factors, long factorsPassing, long residual, long residualPassing) {
    /** Counts what the header of a checkpoint of this layout names. */
    public static DecoderSizes of(TensorStore checkpoint, DecoderLayout layout) {
        List<FactorBucket> buckets = FactorBucket.of(layout.modules());
        long last = buckets.stream()
                .mapToLong(bucket -> elements(checkpoint, bucket.weights("proj_in")))
                .sum();
        long factors = last;
        long passing = last;
        for (FactorBucket bucket : buckets) {
            long next = elements(checkpoint, bucket.weights("proj_out"));
            factors += next;
            passing = Math.max(passing, last + next);
            last = next;
        }
        long residual = layout.kind().tokens() == 0
                ? 0
                : Stream.of("proj_in", "proj_out")
                        .mapToLong(layer -> elements(checkpoint, layout.residualWeights(layer)))
                        .sum();
        return new DecoderSizes(factors, passing, residual, residual * 2 / ResidualLayers.SLICES);
    }

    private static long elements(TensorStore checkpoint, Collection<String> names) {
        return names.stream()
                .mapToLong(
                        name -> checkpoint.tensors().get(name).shape().stream().reduce(1L, Math::multiplyExact))
                .sum();
    }
}
