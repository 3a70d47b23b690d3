package org.i2lspark.decoder;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.decoder.FactorBucket.Kind;
import org.i2lspark.lora.Lora;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;

/**
 * Decodes images and merges them into LoRAs. A style's LoRA is that of all its images by the first decoder, then by the
 * next, and so on: A is joined along the rank and divided by the number of images, B is joined along the rank. The Bias
 * follows at the end, as it is.
 */
public final class LoraMerger {
    /** Bytes of LoRAs that are put together at a time: enough that the decoders' weights are seldom read. */
    public static final long TOGETHER_BYTES = 2L << 30;

    private final List<LoraDecoder> decoders;
    private final Bias bias;
    private final TorchDevice device;
    private final List<FactorBucket> buckets;
    private final RankReducer reducer;
    private final Map<LayoutKey, LoraLayout> layouts = new HashMap<>();

    private record LayoutKey(int rank, ElementType type) {}

    /**
     * A merger of these decoders.
     *
     * @param decoders of one model, in the order of their factors
     * @param bias null for none
     * @param device on which decoders and bias are
     */
    public LoraMerger(List<LoraDecoder> decoders, Bias bias, TorchDevice device) {
        this.decoders = List.copyOf(decoders);
        this.bias = bias;
        this.device = device;
        this.buckets = FactorBucket.of(decoders.get(0).layout().modules());
        this.reducer = new RankReducer(buckets);
    }

    /**
     * What the decoders need to know of an image.
     *
     * @param embedding SigLIP2 and DINOv3, one after the other
     * @param residuals by decoder, in their order; empty arrays where a decoder takes none
     */
    public record Input(float[] embedding, List<float[]> residuals) {}

    /** Bytes of host memory that a LoRA takes that was merged on a device. */
    public static long loraBytes(DecoderLayout decoder, int rank, ElementType type, TorchDevice device) {
        return LoraLayout.hostBytes(FactorBucket.of(decoder.modules()), rank, type, device);
    }

    /**
     * Decodes the images of several styles, in as few batches of about {@value #TOGETHER_BYTES} bytes of LoRAs as may be, one
     * decoder and one bucket of factors at a time: beside the LoRAs of a batch no more than that bucket is in the device's
     * memory.
     *
     * @param highestRank to which LoRAs of a higher rank are reduced; 0 for none
     * @return a LoRA for each style, of rank 4 times its images and decoders, and 4 more for the Bias; each is to be closed
     */
    public List<Lora> merge(List<List<Input>> styles, ElementType loraType, int highestRank) {
        List<Lora> loras = new ArrayList<>(styles.size());
        try {
            int first = 0;
            while (first < styles.size()) {
                int end = first;
                long bytes = 0;
                do {
                    bytes += deviceBytes(styles.get(end), loraType, highestRank);
                    end++;
                } while (end < styles.size()
                        && bytes + deviceBytes(styles.get(end), loraType, highestRank) <= TOGETHER_BYTES);
                loras.addAll(mergeTogether(styles.subList(first, end), loraType, highestRank));
                first = end;
            }
            return loras;
        } catch (Throwable e) {
            loras.forEach(Lora::close);
            throw e;
        }
    }

    private long deviceBytes(List<Input> style, ElementType type, int highestRank) {
        int wholeRank = wholeRank(style);
        int rank = reduced(wholeRank, highestRank);
        long whole = rank < wholeRank ? (long) wholeRank * ElementType.FLOAT32.byteSize() : 0;
        return elementsBefore(buckets.size()) * (whole + (long) rank * type.byteSize());
    }

    private int wholeRank(List<Input> style) {
        return DecoderLayout.RANK * (style.size() * decoders.size() + (bias == null ? 0 : 1));
    }

    private static int reduced(int rank, int highestRank) {
        return highestRank == 0 ? rank : Math.min(rank, highestRank);
    }

    private synchronized LoraLayout layout(int rank, ElementType type) {
        return layouts.computeIfAbsent(
                new LayoutKey(rank, type), key -> LoraLayout.of(buckets, key.rank(), key.type(), device));
    }

    private List<Lora> mergeTogether(List<List<Input>> styles, ElementType loraType, int highestRank) {
        List<LoraBuffer> buffers = new ArrayList<>(styles.size());
        try (TensorScope temporary = new TensorScope()) {
            for (List<Input> style : styles) {
                int wholeRank = wholeRank(style);
                buffers.add(new LoraBuffer(
                        layout(reduced(wholeRank, highestRank), loraType), wholeRank, device, temporary));
            }
            for (int d = 0; d < decoders.size(); d++) {
                decode(styles, d, buffers);
            }
            if (bias != null) {
                putBias(buffers);
            }
            buffers.forEach(buffer -> buffer.reduce(reducer));
            return LoraBuffer.toLoras(buffers);
        } catch (Throwable e) {
            buffers.forEach(LoraBuffer::close);
            throw e;
        }
    }

    private void decode(List<List<Input>> styles, int decoder, List<LoraBuffer> buffers) {
        List<Input> images = styles.stream().flatMap(List::stream).toList();
        List<float[]> embeddings = images.stream().map(Input::embedding).toList();
        List<float[]> residuals = decoders.get(decoder).layout().kind().tokens() == 0
                ? List.of()
                : images.stream().map(image -> image.residuals().get(decoder)).toList();
        long[] counts = styles.stream().mapToLong(List::size).toArray();
        decoders.get(decoder)
                .decode(
                        embeddings,
                        residuals,
                        (bucket, factors) -> LoraDecoder.GRAPH.execute(
                                buckets.get(bucket).kind() == Kind.A ? "put_a" : "put_b",
                                factors,
                                counts,
                                decoder,
                                DecoderLayout.RANK,
                                elementsBefore(bucket),
                                ranks(buffers),
                                elements(buffers)));
    }

    private void putBias(List<LoraBuffer> buffers) {
        for (int bucket = 0; bucket < buckets.size(); bucket++) {
            LoraDecoder.GRAPH.execute(
                    "put_last",
                    bias.factors().get(bucket),
                    buckets.get(bucket).kind().rankDimension(),
                    elementsBefore(bucket),
                    ranks(buffers),
                    elements(buffers));
        }
    }

    private long elementsBefore(int bucket) {
        return buckets.subList(0, bucket).stream()
                .mapToLong(FactorBucket::elements)
                .sum();
    }

    private static long[] ranks(List<LoraBuffer> buffers) {
        return buffers.stream().mapToLong(LoraBuffer::wholeRank).toArray();
    }

    private static List<Tensor> elements(List<LoraBuffer> buffers) {
        return buffers.stream().map(LoraBuffer::whole).toList();
    }
}
