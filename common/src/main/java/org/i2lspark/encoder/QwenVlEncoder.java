package org.i2lspark.encoder;

import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.i2lspark.image.RgbImage;
import org.i2lspark.safetensors.TensorStore;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/**
 * Qwen2.5-VL: images in, the hidden states of a fixed prompt around each image out. The output head is never loaded, and
 * of the token embedding only the rows that the prompt uses.
 */
public final class QwenVlEncoder implements AutoCloseable {
    static final String EMBEDDING = "model.embed_tokens.weight";

    private static final Graph GRAPH = Graph.load(QwenVlEncoder.class, "qwen2_5_vl.py");

    private final QwenVlConfig config;
    private final ImagePositions positions;
    private final TensorScope scope;
    private final List<Tensor> visionWeights;
    private final List<Tensor> languageWeights;
    private final Tensor prompt;

    /** Loads the weights of a checkpoint whose layout is {@code config.layout()}. */
    public static QwenVlEncoder load(
            TensorStore checkpoint,
            QwenVlConfig config,
            ElementType precision,
            TorchDevice device,
            ImagePositions positions)
            throws IOException {
        return WeightLoader.load(
                checkpoint, precision, device, (loader, scope) -> new QwenVlEncoder(config, positions, loader, scope));
    }

    private QwenVlEncoder(QwenVlConfig config, ImagePositions positions, WeightLoader loader, TensorScope scope)
            throws IOException {
        this.config = config;
        this.positions = positions;
        this.scope = scope;
        this.visionWeights =
                loader.load(scope, List.copyOf(config.visionWeights().keySet()));
        this.languageWeights =
                loader.load(scope, List.copyOf(config.languageWeights().keySet()));
        List<Integer> ids = Stream.concat(EditPrompt.INSTANCE.before().stream(), EditPrompt.INSTANCE.after().stream())
                .toList();
        this.prompt = loader.loadRows(scope, EMBEDDING, ids);
    }

    /** The side that the model sees of a crop: the nearest multiple of a merged cell, in pixels. */
    public static int imageSize(int cropSize, QwenVlConfig config) {
        int cell = config.vision().patchSize() * QwenVlConfig.MERGE;
        return Math.toIntExact(Math.round((double) cropSize / cell)) * cell;
    }

    /** How many hidden states an image of this side gives. */
    public static int tokens(int imageSize, QwenVlConfig config) {
        int grid = imageSize / (config.vision().patchSize() * QwenVlConfig.MERGE);
        EditPrompt prompt = EditPrompt.INSTANCE;
        return prompt.before().size() + grid * grid + prompt.after().size() - prompt.dropped();
    }

    /**
     * Brings a square crop to the size that the model sees, on the CPU. Safe for use by several threads, and needs no
     * weights.
     *
     * @return {@code 3×imageSize×imageSize} bytes, one plane after the other
     */
    public static byte[] resize(RgbImage crop, int imageSize) {
        return ResizeGraph.resize(GRAPH, crop, imageSize);
    }

    /**
     * Encodes a batch of {@link #resize resized} images of one size.
     *
     * @param scope takes the result
     * @return hidden states after the final norm, {@code [images, tokens, hiddenSize]}, on the encoder's device
     */
    public Tensor encode(TensorScope scope, List<byte[]> resized, int imageSize) {
        QwenVlConfig.Vision vision = config.vision();
        int cell = vision.patchSize() * QwenVlConfig.MERGE;
        int grid = imageSize / cell;
        Windows windows = Windows.tile(grid, vision.windowSize() / cell);
        try (TensorScope temporary = new TensorScope()) {
            Tensor pixels = Tensors.stackBytes(temporary, resized, List.of(3L, (long) imageSize, (long) imageSize));
            Tensor cells = GRAPH.call(
                    temporary,
                    "vision",
                    pixels,
                    visionWeights,
                    windows.order(),
                    windows.counts(),
                    windows.cells(),
                    toLongs(vision.fullAttentionBlocks()),
                    vision.heads());
            return GRAPH.call(
                    scope,
                    "language",
                    cells,
                    grid,
                    prompt,
                    EditPrompt.INSTANCE.before().size(),
                    languageWeights,
                    config.heads(),
                    config.keyValueHeads(),
                    config.ropeTheta(),
                    toLongs(config.ropeSections()),
                    positions == ImagePositions.GRID,
                    config.epsilon(),
                    EditPrompt.INSTANCE.dropped());
        }
    }

    /** Hidden states that {@link #encode} gave as one row of floats an image. */
    public static List<float[]> toFloatRows(Tensor hiddenStates) {
        try (TensorScope temporary = new TensorScope()) {
            return GRAPH.call(temporary, "to_host", hiddenStates).toFloatRows();
        }
    }

    private static long[] toLongs(List<Integer> numbers) {
        return numbers.stream().mapToLong(Integer::longValue).toArray();
    }

    @Override
    public void close() {
        scope.close();
    }
}
