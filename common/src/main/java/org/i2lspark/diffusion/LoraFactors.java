package org.i2lspark.diffusion;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.i2lspark.lora.LoraSource;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;

/** The factors of LoRAs on a device, those of each LoRA once, with its strength multiplied into A. */
final class LoraFactors {
    private static final Graph GRAPH = DiffusionTransformer.GRAPH;

    private final Map<WeightedLora, Map<String, Pair>> factors = new HashMap<>();
    private final ElementType precision;
    private final TorchDevice device;

    /** A {@code [rank, in]} and B {@code [out, rank]} of a layer. */
    private record Pair(Tensor a, Tensor b) {}

    /** Loads the factors into a scope that must outlive this. */
    LoraFactors(TensorScope scope, Collection<WeightedLora> loras, ElementType precision, TorchDevice device)
            throws IOException {
        this.precision = precision;
        this.device = device;
        for (WeightedLora lora : Set.copyOf(loras)) {
            Map<String, Pair> layers = new HashMap<>();
            for (Shape module : lora.source().modules()) {
                layers.put(module.name(), load(scope, lora, module));
            }
            factors.put(lora, layers);
        }
    }

    private Pair load(TensorScope scope, WeightedLora lora, Shape module) throws IOException {
        LoraSource.Factors values = lora.source().factors(module);
        float[] a = new float[values.a().length];
        for (int i = 0; i < a.length; i++) {
            a[i] = (float) (values.a()[i] * lora.strength());
        }
        return new Pair(
                upload(scope, a, List.of((long) module.rank(), (long) module.in())),
                upload(scope, values.b(), List.of((long) module.out(), (long) module.rank())));
    }

    private Tensor upload(TensorScope scope, float[] values, List<Long> shape) {
        try (TensorScope temporary = new TensorScope()) {
            Tensor uploaded = Tensors.empty(scope, shape, precision, device);
            Tensors.copy(Tensors.ofFloats(temporary, values, shape), uploaded);
            return uploaded;
        }
    }

    /** Whether any of these LoRAs adapts any of these layers. */
    boolean adaptAny(List<WeightedLora> loras, List<String> layers) {
        return loras.stream()
                .map(factors::get)
                .anyMatch(adapted -> layers.stream().anyMatch(adapted::containsKey));
    }

    /**
     * What the graph takes for some layers of a batch of images: a pair of factors for the LoRAs that all images have and one
     * for those that differ, of rank 0 for layers that none adapts.
     *
     * @param loras of each image
     * @return as many pairs for each layer, in the order of the layers; empty if no image has a LoRA
     */
    List<Tensor> join(TensorScope scope, List<String> layers, List<List<WeightedLora>> loras) {
        List<WeightedLora> shared = common(loras);
        List<List<WeightedLora>> others = without(shared, loras);
        List<Tensor> pairs = new ArrayList<>();
        for (String layer : layers) {
            if (!shared.isEmpty()) {
                addPair(pairs, scope, layer, List.of(shared));
            }
            if (others.stream().anyMatch(own -> !own.isEmpty())) {
                addPair(pairs, scope, layer, others);
            }
        }
        return pairs;
    }

    /** Those that all images have; one that all have twice is there twice. */
    static List<WeightedLora> common(List<List<WeightedLora>> loras) {
        List<WeightedLora> common = new ArrayList<>(loras.get(0));
        loras.forEach(image -> retainEachOnce(common, image));
        return common;
    }

    /** What is left to each image without those that all have. */
    static List<List<WeightedLora>> without(List<WeightedLora> common, List<List<WeightedLora>> loras) {
        List<List<WeightedLora>> others = new ArrayList<>();
        for (List<WeightedLora> image : loras) {
            List<WeightedLora> own = new ArrayList<>(image);
            common.forEach(own::remove);
            others.add(own);
        }
        return others;
    }

    private static void retainEachOnce(List<WeightedLora> shared, List<WeightedLora> image) {
        List<WeightedLora> left = new ArrayList<>(image);
        shared.removeIf(lora -> !left.remove(lora));
    }

    private void addPair(List<Tensor> pairs, TensorScope scope, String layer, List<List<WeightedLora>> loras) {
        List<Tensor> a = new ArrayList<>();
        List<Tensor> b = new ArrayList<>();
        long[] counts = new long[loras.size()];
        for (int i = 0; i < counts.length; i++) {
            for (WeightedLora lora : loras.get(i)) {
                Pair pair = factors.get(lora).get(layer);
                if (pair != null) {
                    a.add(pair.a());
                    b.add(pair.b());
                    counts[i]++;
                }
            }
        }
        if (a.isEmpty()) {
            Tensor none = Tensors.empty(scope, List.of(1L, 0L, 0L), precision, device);
            pairs.add(none);
            pairs.add(none);
        } else {
            pairs.add(GRAPH.call(scope, "join", a, counts, 0));
            pairs.add(GRAPH.call(scope, "join", b, counts, 1));
        }
    }
}
