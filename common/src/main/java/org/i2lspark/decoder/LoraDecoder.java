package org.i2lspark.decoder;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.i2lspark.decoder.DecoderLayout.Module;
import org.i2lspark.safetensors.TensorStore;
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
    private final Tensor firstLayers;
    private final List<Tensor> secondLayers;
    private final Tensor residualIn;
    private final Tensor residualOut;

    /**
     * Loads a checkpoint of any number of blocks and any sizes.
     *
     * @throws IOException if it is no decoder of this kind, saying what was expected and what was found
     */
    public static LoraDecoder load(TensorStore checkpoint, DecoderKind kind, ElementType precision, TorchDevice device)
            throws IOException {
        DecoderLayout layout = DecoderLayout.of(checkpoint, kind);
        return WeightLoader.load(
                checkpoint, precision, device, (loader, scope) -> new LoraDecoder(layout, loader, scope));
    }

    private LoraDecoder(DecoderLayout layout, WeightLoader loader, TensorScope scope) throws IOException {
        this.layout = layout;
        this.scope = scope;
        List<FactorBucket> buckets = FactorBucket.of(layout.modules());
        this.blocks = buckets.stream()
                .flatMap(bucket -> bucket.modules().stream())
                .mapToLong(Module::decoder)
                .toArray();
        List<String> firstNames = buckets.stream()
                .flatMap(bucket -> bucket.weights("proj_in").stream())
                .toList();
        this.firstLayers = loader.loadStacked(scope, firstNames);
        this.secondLayers = new ArrayList<>();
        for (FactorBucket bucket : buckets) {
            secondLayers.add(loader.loadStacked(scope, bucket.weights("proj_out")));
        }
        boolean residual = layout.kind().tokens() > 0;
        this.residualIn = residual ? loader.loadStacked(scope, layout.residualWeights("proj_in")) : null;
        this.residualOut = residual ? loader.loadStacked(scope, layout.residualWeights("proj_out")) : null;
    }

    /** The sizes of this decoder. */
    public DecoderLayout layout() {
        return layout;
    }

    /**
     * What a Coarse or Fine decoder makes of the hidden states of Qwen2.5-VL, a row an image.
     *
     * @param tokens {@code [images, layout().kind().tokens(), hidden size]}
     */
    public List<float[]> residuals(Tensor tokens) {
        try (TensorScope temporary = new TensorScope()) {
            return GRAPH.call(temporary, "residual", tokens, residualIn, residualOut)
                    .toFloatRows();
        }
    }

    /** Is given the factors of one {@link FactorBucket} after the other. They are freed when it returns. */
    @FunctionalInterface
    interface FactorConsumer {
        /**
         * Takes factors.
         *
         * @param bucket its place in {@link FactorBucket#of}
         * @param factors {@code [modules, images or more, rank * size]}, on the decoder's device; may be overwritten
         */
        void accept(int bucket, Tensor factors);
    }

    /**
     * Decodes a batch of images, of whose factors one bucket at a time is in memory.
     *
     * @param embeddings {@code layout().embeddingSize()} values an image
     * @param residuals what {@link #residuals} gave for the same images; empty for Style
     * @param rows images that each product takes; zeros fill up the last
     */
    void decode(List<float[]> embeddings, List<float[]> residuals, int rows, FactorConsumer consumer) {
        try (TensorScope temporary = new TensorScope()) {
            Tensor x = Tensors.ofRows(temporary, filledUp(embeddings, rows));
            Tensor residual =
                    Tensors.ofRows(temporary, residuals.isEmpty() ? List.of(new float[0]) : filledUp(residuals, rows));
            Tensor hidden = GRAPH.call(temporary, "hidden", x, residual, blocks, firstLayers, rows);
            long start = 0;
            for (int i = 0; i < secondLayers.size(); i++) {
                Tensor second = secondLayers.get(i);
                try (Tensor factors = GRAPH.call(temporary, "bucket", hidden, start, second, rows)) {
                    consumer.accept(i, factors);
                }
                start += second.shape().get(0);
            }
        }
    }

    private static List<float[]> filledUp(List<float[]> images, int rows) {
        List<float[]> filled = new ArrayList<>(images);
        while (filled.size() % rows != 0) {
            filled.add(new float[images.get(0).length]);
        }
        return filled;
    }

    @Override
    public void close() {
        scope.close();
    }
}
