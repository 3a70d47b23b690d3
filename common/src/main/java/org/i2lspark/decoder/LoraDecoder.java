package org.i2lspark.decoder;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.i2lspark.decoder.DecoderLayout.Module;
import org.i2lspark.lora.Lora;
import org.i2lspark.lora.LoraModule;
import org.i2lspark.safetensors.TensorStore;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/**
 * The Style decoder: image embeddings in, LoRAs out. Weights are stacked at load so that a batch takes a handful of large
 * products instead of thousands of small ones, which a GPU would spend on launching.
 */
public final class LoraDecoder implements AutoCloseable {
    private static final Graph GRAPH = Graph.load(LoraDecoder.class, "lora_decoder.py");

    private final List<Bucket> buckets;
    private final DecoderLayout layout;
    private final TensorScope scope;
    private final Tensor firstLayers;
    private final List<Tensor> secondLayers;

    private enum Factor {
        A,
        B
    }

    /** Factors of one kind and one size. */
    private record Bucket(Factor factor, List<Module> modules) {
        String weight(Module module, String layer) {
            return "%s.proj_%s.%s.weight".formatted(module.source(), factor == Factor.A ? "a" : "b", layer);
        }

        List<String> weights(String layer) {
            return modules.stream().map(module -> weight(module, layer)).toList();
        }
    }

    /**
     * Loads a checkpoint of any number of blocks and any sizes.
     *
     * @throws IOException if it is no Style decoder, saying what was expected and what was found
     */
    public static LoraDecoder load(TensorStore checkpoint, ElementType precision, TorchDevice device)
            throws IOException {
        DecoderLayout layout = DecoderLayout.of(checkpoint);
        return WeightLoader.load(
                checkpoint, precision, device, (loader, scope) -> new LoraDecoder(layout, loader, scope));
    }

    private LoraDecoder(DecoderLayout layout, WeightLoader loader, TensorScope scope) throws IOException {
        this.layout = layout;
        this.scope = scope;
        this.buckets = Stream.concat(
                        bucketsOf(Factor.A, layout.modules()).stream(), bucketsOf(Factor.B, layout.modules()).stream())
                .toList();
        List<String> firstNames = buckets.stream()
                .flatMap(bucket -> bucket.weights("proj_in").stream())
                .toList();
        this.firstLayers = loader.loadStacked(scope, firstNames);
        this.secondLayers = new ArrayList<>();
        for (Bucket bucket : buckets) {
            secondLayers.add(loader.loadStacked(scope, bucket.weights("proj_out")));
        }
    }

    private static List<Bucket> bucketsOf(Factor factor, List<Module> modules) {
        Map<Long, List<Module>> bySize = new LinkedHashMap<>();
        for (Module module : modules) {
            long size = factor == Factor.A ? module.in() : module.out();
            bySize.computeIfAbsent(size, ignored -> new ArrayList<>()).add(module);
        }
        return bySize.values().stream()
                .map(bucket -> new Bucket(factor, bucket))
                .toList();
    }

    /** The sizes of this decoder. */
    public DecoderLayout layout() {
        return layout;
    }

    /**
     * Decodes the images of several styles as one batch and merges each style's factors: A concatenated along the rank and
     * divided by the number of images, B concatenated along the rank.
     *
     * @param styles for each style, its images' embeddings of {@code layout().embeddingSize()} values
     * @return a LoRA for each style, of rank 4 times its images; each is to be closed
     */
    public List<Lora> decode(List<List<float[]>> styles, ElementType loraType) {
        List<float[]> embeddings = styles.stream().flatMap(List::stream).toList();
        List<Lora> loras = new ArrayList<>(styles.size());
        try (TensorScope temporary = new TensorScope()) {
            Tensor x = Tensors.ofRows(temporary, embeddings);
            List<Tensor> factors = GRAPH.callForList(temporary, "forward", x, firstLayers, secondLayers);
            int first = 0;
            for (List<float[]> images : styles) {
                loras.add(merge(factors, first, images.size(), loraType));
                first += images.size();
            }
        } catch (RuntimeException e) {
            loras.forEach(Lora::close);
            throw e;
        }
        return loras;
    }

    private Lora merge(List<Tensor> factors, int first, int count, ElementType loraType) {
        TensorScope memory = new TensorScope();
        Map<String, ByteBuffer> a = new LinkedHashMap<>();
        Map<String, ByteBuffer> b = new LinkedHashMap<>();
        for (int i = 0; i < buckets.size(); i++) {
            Bucket bucket = buckets.get(i);
            String method = bucket.factor == Factor.A ? "merge_a" : "merge_b";
            Tensor merged = GRAPH.call(memory, method, factors.get(i), first, count, DecoderLayout.RANK, loraType);
            long size = merged.size() / bucket.modules.size();
            for (int m = 0; m < bucket.modules.size(); m++) {
                ByteBuffer bytes =
                        Tensors.flatSlice(memory, merged, m * size, size).memory();
                (bucket.factor == Factor.A ? a : b).put(bucket.modules.get(m).name(), bytes);
            }
        }
        long rank = (long) count * DecoderLayout.RANK;
        List<LoraModule> modules = layout.modules().stream()
                .map(module -> new LoraModule(
                        module.name(), rank, module.in(), module.out(), a.get(module.name()), b.get(module.name())))
                .toList();
        return new Lora(loraType, modules, memory);
    }

    @Override
    public void close() {
        scope.close();
    }
}
