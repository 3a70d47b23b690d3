package org.i2lspark.decoder;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.decoder.FactorBucket.Kind;
import org.i2lspark.lora.Lora;
import org.i2lspark.lora.LoraModule;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;

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
     * Decodes the images of several styles as one batch.
     *
     * @return a LoRA for each style, of rank 4 times its images and decoders, and 4 more for the Bias; each is to be closed
     */
    public List<Lora> merge(List<List<Input>> styles, ElementType loraType) {
        List<Input> images = styles.stream().flatMap(List::stream).toList();
        List<float[]> embeddings = images.stream().map(Input::embedding).toList();
        List<Lora> loras = new ArrayList<>(styles.size());
        try (TensorScope temporary = new TensorScope()) {
            List<List<Tensor>> factors = new ArrayList<>();
            for (int d = 0; d < decoders.size(); d++) {
                int decoder = d;
                List<float[]> residuals = decoders.get(d).layout().kind().tokens() == 0
                        ? List.of()
                        : images.stream()
                                .map(image -> image.residuals().get(decoder))
                                .toList();
                factors.add(decoders.get(d).decode(temporary, embeddings, residuals));
            }
            int first = 0;
            for (List<Input> style : styles) {
                loras.add(merge(factors, first, style.size(), loraType));
                first += style.size();
            }
        } catch (RuntimeException e) {
            loras.forEach(Lora::close);
            throw e;
        }
        return loras;
    }

    private Lora merge(List<List<Tensor>> factors, int first, int count, ElementType loraType) {
        TensorScope memory = new TensorScope();
        Map<String, ByteBuffer> a = new HashMap<>();
        Map<String, ByteBuffer> b = new HashMap<>();
        for (int i = 0; i < buckets.size(); i++) {
            FactorBucket bucket = buckets.get(i);
            Tensor joined = join(memory, factors, i, first, count, loraType);
            long size = joined.size() / bucket.modules().size();
            for (int m = 0; m < bucket.modules().size(); m++) {
                ByteBuffer bytes =
                        Tensors.flatSlice(memory, joined, m * size, size).memory();
                (bucket.kind() == Kind.A ? a : b).put(bucket.modules().get(m).name(), bytes);
            }
        }
        int rank = DecoderLayout.RANK * (count * decoders.size() + (bias == null ? 0 : 1));
        List<LoraModule> modules = decoders.get(0).layout().modules().stream()
                .map(module -> new LoraModule(
                        new Shape(module.name(), rank, Math.toIntExact(module.in()), Math.toIntExact(module.out())),
                        a.get(module.name()),
                        b.get(module.name())))
                .toList();
        return new Lora(loraType, modules, memory);
    }

    private Tensor join(
            TensorScope memory, List<List<Tensor>> factors, int bucket, int first, int count, ElementType loraType) {
        Kind kind = buckets.get(bucket).kind();
        String method = kind == Kind.A ? "merge_a" : "merge_b";
        try (TensorScope temporary = new TensorScope()) {
            List<Tensor> parts = new ArrayList<>();
            for (List<Tensor> decoder : factors) {
                parts.add(LoraDecoder.GRAPH.call(
                        temporary, method, decoder.get(bucket), first, count, DecoderLayout.RANK));
            }
            if (bias != null) {
                parts.add(bias.factors().get(bucket));
            }
            return LoraDecoder.GRAPH.call(memory, "join", parts, kind.rankDimension(), loraType);
        }
    }
}
