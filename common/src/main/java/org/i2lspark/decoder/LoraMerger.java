package org.i2lspark.decoder;

import java.util.ArrayList;
import java.util.List;
import org.i2lspark.lora.Lora;
import org.i2lspark.torch.ElementType;

/**
 * Decodes images and merges them into LoRAs. A style's LoRA is that of all its images by the first decoder, then by the
 * next, and so on: A is joined along the rank and divided by the number of images, B is joined along the rank. The Bias
 * follows at the end, as it is.
 */
public final class LoraMerger {
    private final List<LoraDecoder> decoders;
    private final Bias bias;
    private final List<FactorBucket> buckets;

    /**
     * A merger of these decoders.
     *
     * @param decoders of one model, in the order of their factors
     * @param bias null for none
     */
    public LoraMerger(List<LoraDecoder> decoders, Bias bias) {
        this.decoders = List.copyOf(decoders);
        this.bias = bias;
        this.buckets = FactorBucket.of(decoders.get(0).layout().modules());
    }

    /**
     * What the decoders need to know of an image.
     *
     * @param embedding SigLIP2 and DINOv3, one after the other
     * @param residuals by decoder, in their order; empty arrays where a decoder takes none
     */
    public record Input(float[] embedding, List<float[]> residuals) {}

    /**
     * Decodes the images of several styles as one batch, one decoder and one bucket of factors at a time: beside the LoRAs
     * themselves no more than that bucket is in memory.
     *
     * @return a LoRA for each style, of rank 4 times its images and decoders, and 4 more for the Bias; each is to be closed
     */
    public List<Lora> merge(List<List<Input>> styles, ElementType loraType) {
        List<LoraBuffer> buffers = new ArrayList<>(styles.size());
        try {
            for (List<Input> style : styles) {
                buffers.add(new LoraBuffer(buckets, rank(style.size()), loraType));
            }
            for (int d = 0; d < decoders.size(); d++) {
                decode(styles, d, buffers);
            }
            if (bias != null) {
                putBias(styles, buffers);
            }
            return buffers.stream()
                    .map(buffer -> buffer.toLora(decoders.get(0).layout().modules()))
                    .toList();
        } catch (Throwable e) {
            buffers.forEach(LoraBuffer::close);
            throw e;
        }
    }

    private int rank(int images) {
        return DecoderLayout.RANK * (images * decoders.size() + (bias == null ? 0 : 1));
    }

    private void decode(List<List<Input>> styles, int decoder, List<LoraBuffer> buffers) {
        List<Input> images = styles.stream().flatMap(List::stream).toList();
        List<float[]> embeddings = images.stream().map(Input::embedding).toList();
        List<float[]> residuals = decoders.get(decoder).layout().kind().tokens() == 0
                ? List.of()
                : images.stream().map(image -> image.residuals().get(decoder)).toList();
        decoders.get(decoder).decode(embeddings, residuals, (bucket, factors) -> {
            int first = 0;
            for (int s = 0; s < styles.size(); s++) {
                int count = styles.get(s).size();
                buffers.get(s).putImages(bucket, factors, first, count, DecoderLayout.RANK * count * decoder);
                first += count;
            }
        });
    }

    private void putBias(List<List<Input>> styles, List<LoraBuffer> buffers) {
        for (int s = 0; s < styles.size(); s++) {
            int offset = DecoderLayout.RANK * styles.get(s).size() * decoders.size();
            for (int bucket = 0; bucket < buckets.size(); bucket++) {
                buffers.get(s).putMerged(bucket, bias.factors().get(bucket), offset);
            }
        }
    }
}
