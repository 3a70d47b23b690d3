package org.i2lspark.encoder;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.i2lspark.encoder.FixedPointWeights.Filter;
import org.i2lspark.safetensors.TensorStore;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
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
    private final TorchDevice device;
    /** By the side of the crops. */
    private final Map<Integer, ByteResize> resizes = new ConcurrentHashMap<>();

    /** Loads the weights of a checkpoint whose layout is {@code config.layout()}. */
    public static QwenVlEncoder load(
            TensorStore checkpoint,
            QwenVlConfig config,
            ElementType precision,
            TorchDevice device,
            ImagePositions positions)
            throws IOException {
        return WeightLoader.load(
                checkpoint,
                precision,
                device,
                (loader, scope) -> new QwenVlEncoder(config, positions, device, loader, scope));
    }

    private QwenVlEncoder(
            QwenVlConfig config, ImagePositions positions, TorchDevice device, WeightLoader loader, TensorScope scope)
            throws IOException {
        this.config = config;
        this.positions = positions;
        this.device = device;
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
    static int imageSize(int cropSize, QwenVlConfig config) {
        int cell = config.vision().patchSize() * QwenVlConfig.MERGE;
        return Math.toIntExact(Math.round((double) cropSize / cell)) * cell;
    }

    /** The side that this model sees of a crop, in pixels. */
    public int imageSize(int cropSize) {
        return imageSize(cropSize, config);
    }

    /**
     * Encodes a batch of crops of one size.
     *
     * @param scope takes the result
     * @param crops {@code [images, side, side, 3]} uint8, on the encoder's device
     * @return hidden states after the final norm, {@code [images, tokens, hiddenSize]}, on the encoder's device
     */
    public Tensor encode(TensorScope scope, Tensor crops) {
        QwenVlConfig.Vision vision = config.vision();
        int cell = vision.patchSize() * QwenVlConfig.MERGE;
        int cropSize = Math.toIntExact(crops.shape().get(1));
        int grid = imageSize(cropSize) / cell;
        Windows windows = Windows.tile(grid, vision.windowSize() / cell);
        try (TensorScope temporary = new TensorScope()) {
            Tensor pixels = resize(cropSize).apply(temporary, crops);
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

    private ByteResize resize(int cropSize) {
        return resizes.computeIfAbsent(
                cropSize, from -> ByteResize.on(scope, Filter.BICUBIC, from, imageSize(from), device));
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
