package org.i2lspark.diffusion;

import java.util.ArrayList;
import java.util.List;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;

/** A transformer's weights with LoRAs added to copies of those that they adapt; the originals stay beside. */
final class FusedWeights implements AutoCloseable {
    private static final Graph GRAPH = DiffusionTransformer.GRAPH;

    private final List<WeightedLora> loras;
    private final TensorScope scope = new TensorScope();
    private final List<Tensor> ends;
    private final List<List<Tensor>> blocks = new ArrayList<>();

    /** The weights as they are if there are no LoRAs. */
    FusedWeights(DiffusionTransformer transformer, LoraFactors factors, List<WeightedLora> loras) {
        this.loras = List.copyOf(loras);
        try {
            this.ends = fuse(factors, transformer.ends(), DiffusionTransformer.END_WEIGHTS, DitConfig.END_LINEARS);
            if (!loras.isEmpty()) {
                transformer
                        .blocks()
                        .forEach((block, weights) -> blocks.add(fuse(
                                factors, weights, 0, DiffusionTransformer.inBlock(block, DitConfig.BLOCK_LINEARS))));
            }
        } catch (Throwable e) {
            scope.close();
            throw e;
        }
    }

    /**
     * Adds LoRAs to some layers.
     *
     * @param first index of the first layer's weight; a bias follows each
     */
    private List<Tensor> fuse(LoraFactors factors, List<Tensor> weights, int first, List<String> layers) {
        List<Tensor> fused = new ArrayList<>(weights);
        for (int i = 0; i < layers.size(); i++) {
            List<String> layer = List.of(layers.get(i));
            if (factors.adaptAny(loras, layer)) {
                try (TensorScope temporary = new TensorScope()) {
                    List<Tensor> pair = factors.join(temporary, layer, List.of(loras));
                    int weight = first + 2 * i;
                    fused.set(weight, GRAPH.call(scope, "fuse", weights.get(weight), pair.get(0), pair.get(1)));
                }
            }
        }
        return fused;
    }

    List<WeightedLora> loras() {
        return loras;
    }

    /** The weights outside of blocks. */
    List<Tensor> ends() {
        return ends;
    }

    /**
     * The weights of a block.
     *
     * @param originals as they are without LoRAs
     */
    List<Tensor> block(int block, List<Tensor> originals) {
        return blocks.isEmpty() ? originals : blocks.get(block);
    }

    @Override
    public void close() {
        scope.close();
    }
}
