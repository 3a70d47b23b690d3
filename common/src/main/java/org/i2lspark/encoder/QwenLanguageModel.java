package org.i2lspark.encoder;

import java.io.IOException;
import java.util.List;
import org.i2lspark.torch.BlockWeights;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.WeightLoader;

/** The language model of Qwen2.5-VL without its output head: embedded tokens in, hidden states out. */
final class QwenLanguageModel implements AutoCloseable {
    static final Graph GRAPH = Graph.load(QwenLanguageModel.class, "qwen2_5_vl.py");
    /** The embedding of each token of the vocabulary, of which only the rows that are used are read. */
    static final String EMBEDDING = "model.embed_tokens.weight";

    private static final int LAYER_WEIGHTS = 12;

    private final QwenVlConfig config;
    private final BlockWeights layers;
    private final List<Tensor> finish;

    /** Loads the weights into a scope that the caller owns. */
    QwenLanguageModel(QwenVlConfig config, WeightLoader loader, TensorScope scope, BlockWeights.Placement placement)
            throws IOException {
        this.config = config;
        List<String> names = List.copyOf(config.languageWeights().keySet());
        int end = LAYER_WEIGHTS * config.layers();
        this.layers = loader.loadBlocks(scope, names.subList(0, end), LAYER_WEIGHTS, placement);
        this.finish = loader.load(scope, names.subList(end, names.size()));
    }

    /**
     * Reads tokens around an image, or tokens alone.
     *
     * @param scope takes the result
     * @param cells {@code [images, cells, hiddenSize]}: the merged cells of each image in row order; of no cells where there is
     *     no image
     * @param prompt {@code [tokens, hiddenSize]}: the embedded tokens
     * @param before how many of the tokens stand in front of the image
     * @param grid merged cells a side
     * @param dropped hidden states at the start that are not used
     * @return hidden states after the final norm, {@code [images, cells + tokens - dropped, hiddenSize]}
     */
    Tensor read(
            TensorScope scope,
            Tensor cells,
            Tensor prompt,
            int before,
            int grid,
            ImagePositions positions,
            int dropped) {
        try (TensorScope temporary = new TensorScope()) {
            Tensor x = GRAPH.call(temporary, "language_start", cells, prompt, before);
            Tensor rotary = GRAPH.call(
                    temporary,
                    "language_rotary",
                    x,
                    grid,
                    before,
                    config.ropeTheta(),
                    config.ropeSections().stream().mapToLong(Integer::longValue).toArray(),
                    positions == ImagePositions.GRID);
            Tensor y = layers.pass(
                    x,
                    (in, first, weights) -> GRAPH.call(
                            temporary,
                            "language_blocks",
                            in,
                            rotary,
                            weights,
                            config.heads(),
                            config.keyValueHeads(),
                            config.epsilon()));
            return GRAPH.call(scope, "language_finish", y, finish, config.epsilon(), dropped);
        }
    }

    @Override
    public void close() {
        layers.close();
    }
}
