package org.i2lspark.decoder;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.decoder.DecoderLayout.Module;
import org.i2lspark.decoder.FactorBucket.Kind;
import org.i2lspark.lora.FactorPlaces;
import org.i2lspark.lora.FactorPlaces.Place;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TorchDevice;

/**
 * How LoRAs of one rank and type lie in memory: one run of elements, the buckets one after the other, and in each the factors
 * of its modules as a file has them, {@code [rank, in]} or {@code [out, rank]}.
 *
 * @param elements of all factors
 * @param pieces in which the run lies on the host, no factor in two of them
 */
record LoraLayout(int rank, ElementType type, long elements, List<Piece> pieces, FactorPlaces places) {
    /** A direct buffer over tensor memory must stay under 2 GiB. */
    private static final long DIRECT_BUFFER_BYTES = 1L << 30;
    /**
     * Memory that a GPU copies to is kept for reuse in blocks whose size is a power of two, so that LoRAs of all ranks can
     * use the same ones. A LoRA of rank 4 in bfloat16 takes 56 MiB.
     */
    private static final long PINNED_BLOCK_BYTES = 64L << 20;

    /** Part of the elements of a LoRA. */
    record Piece(long start, long length) {}

    static LoraLayout of(List<FactorBucket> buckets, int rank, ElementType type, TorchDevice device) {
        List<Piece> pieces = pieces(buckets, rank, type, device);
        Map<Shape, Place> a = new HashMap<>();
        Map<Shape, Place> b = new HashMap<>();
        long start = 0;
        int piece = 0;
        for (FactorBucket bucket : buckets) {
            long length = bucket.size() * rank;
            for (Module module : bucket.modules()) {
                while (start >= pieces.get(piece).start() + pieces.get(piece).length()) {
                    piece++;
                }
                long offset = (start - pieces.get(piece).start()) * type.byteSize();
                Place place = new Place(piece, Math.toIntExact(offset), Math.toIntExact(length * type.byteSize()));
                (bucket.kind() == Kind.A ? a : b).put(shape(module, rank), place);
                start += length;
            }
        }
        return new LoraLayout(rank, type, start, pieces, new FactorPlaces(a, b));
    }

    private static Shape shape(Module module, int rank) {
        return new Shape(module.name(), rank, Math.toIntExact(module.in()), Math.toIntExact(module.out()));
    }

    private static List<Piece> pieces(List<FactorBucket> buckets, int rank, ElementType type, TorchDevice device) {
        long most = (device.isCpu() ? DIRECT_BUFFER_BYTES : PINNED_BLOCK_BYTES) / type.byteSize();
        List<Piece> pieces = new ArrayList<>();
        long start = 0;
        long length = 0;
        for (FactorBucket bucket : buckets) {
            long factor = bucket.size() * rank;
            for (int m = 0; m < bucket.modules().size(); m++) {
                if (length > 0 && length + factor > most) {
                    pieces.add(new Piece(start, length));
                    start += length;
                    length = 0;
                }
                length += factor;
            }
        }
        pieces.add(new Piece(start, length));
        return pieces;
    }

    /** Bytes of host memory that such a LoRA takes. */
    static long hostBytes(List<FactorBucket> buckets, int rank, ElementType type, TorchDevice device) {
        return pieces(buckets, rank, type, device).stream()
                .mapToLong(piece -> piece.length() * type.byteSize())
                .map(bytes -> device.isCpu() ? bytes : roundedUp(bytes))
                .sum();
    }

    private static long roundedUp(long bytes) {
        long below = Long.highestOneBit(bytes);
        return below == bytes ? bytes : 2 * below;
    }
}
