package org.i2lspark.decoder;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.i2lspark.decoder.DecoderLayout.Module;
import org.i2lspark.safetensors.TensorSource;
import org.i2lspark.torch.BlockWeights;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/**
 * A Style, Coarse or Fine decoder: image embeddings in, LoRA factors out. Weights are stacked at load so that a batch takes
 * a handful of large products instead of thousands of small ones, which a GPU would spend on launching.
 */
public final class LoraDecoder implements AutoCloseable {
    static final Graph GRAPH = Graph.load(LoraDecoder.class, "lora_decoder.py");

    private final DecoderLayout layout;
    private final TensorScope scope;
    private final long[] blocks;
    /** The first layers of all factors, then the second layers of one bucket after the other. */
    private final BlockWeights layers;

    /** Loads a checkpoint of this layout, without what serves the residuals. */
    public static LoraDecoder load(
            TensorSource checkpoint,
            DecoderLayout layout,
            ElementType precision,
            TorchDevice device,
            BlockWeights.Placement placement)
            throws IOException {
        return WeightLoader.load(
                checkpoint, precision, device, (loader, scope) -> new LoraDecoder(layout, loader, scope, placement));
    }

    private LoraDecoder(DecoderLayout layout, WeightLoader loader, TensorScope scope, BlockWeights.Placement placement)
            throws IOException {
        this.layout = layout;
        this.scope = scope;
        List<FactorBucket> buckets = FactorBucket.of(layout.modules());
        this.blocks = buckets.stream()
                .flatMap(bucket -> bucket.modules().stream())
                .mapToLong(Module::decoder)
                .toArray();
        List<List<List<String>>> names = new ArrayList<>();
        names.add(List.of(buckets.stream()
                .flatMap(bucket -> bucket.weights("proj_in").stream())
                .toList()));
        for (FactorBucket bucket : buckets) {
            names.add(List.of(bucket.weights("proj_out")));
        }
        this.layers = loader.loadStackedBlocks(scope, names, placement);
    }

    /** The sizes of this decoder. */
    public DecoderLayout layout() {
        return layout;
    }

    /** Is given the factors of one {@link FactorBucket} after the other. They are freed when it returns. */
    @FunctionalInterface
    interface FactorConsumer {
        /**
         * Takes factors.
         *
         * @param bucket its place in {@link FactorBucket#of}
         * @param factors {@code [modules, images, rank * size]}, on the decoder's device; may be overwritten
         */
        void accept(int bucket, Tensor factors);
    }

    /**
     * Decodes a batch of images, of whose factors one bucket at a time is in memory.
     *
     * @param embeddings {@code layout().embeddingSize()} values an image
     * @param residuals what {@link ResidualLayers#residuals} gave for the same images; empty for Style
     */
    void decode(List<float[]> embeddings, List<float[]> residuals, FactorConsumer consumer) {
        try (TensorScope temporary = new TensorScope()) {
            Tensor x = Tensors.ofRows(temporary, embeddings);
            Tensor residual = Tensors.ofRows(temporary, residuals.isEmpty() ? List.of(new float[0]) : residuals);
            Tensor[] hidden = new Tensor[1];
            long[] start = new long[1];
            layers.forEach((block, weights) -> {
                Tensor layer = weights.get(0);
                if (block == 0) {
                    hidden[0] = GRAPH.call(temporary, "hidden", x, residual, blocks, layer);
                    return;
                }
                try (Tensor factors = GRAPH.call(temporary, "bucket", hidden[0], start[0], layer)) {
                    consumer.accept(block - 1, factors);
                }
                start[0] += layer.shape().get(0);
            });
        }
    }

    @Override
    public void close() {
        layers.close();
        scope.close();
    }
}
