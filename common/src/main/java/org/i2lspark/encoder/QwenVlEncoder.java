package org.i2lspark.encoder;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.i2lspark.encoder.FixedPointWeights.Filter;
import org.i2lspark.safetensors.TensorSource;
import org.i2lspark.torch.BlockWeights;
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
    private static final Graph GRAPH = QwenLanguageModel.GRAPH;
    private static final int BLOCK_WEIGHTS = 12;

    private final QwenVlConfig config;
    private final ImagePositions positions;
    private final TensorScope scope;
    private final List<Tensor> visionStart;
    private final BlockWeights visionBlocks;
    private final List<Tensor> visionFinish;
    private final QwenLanguageModel language;
    private final Tensor prompt;
    private final TorchDevice device;
    /** By the side of the crops. */
    private final Map<Integer, ByteResize> resizes = new ConcurrentHashMap<>();

    /** Loads the weights of a checkpoint whose layout is {@code config.layout()}. */
    public static QwenVlEncoder load(
            TensorSource checkpoint,
            QwenVlConfig config,
            ElementType precision,
            TorchDevice device,
            BlockWeights.Placement placement,
            ImagePositions positions)
            throws IOException {
        return WeightLoader.load(
                checkpoint,
                precision,
                device,
                (loader, scope) -> new QwenVlEncoder(config, positions, device, placement, loader, scope));
    }

    private QwenVlEncoder(
            QwenVlConfig config,
            ImagePositions positions,
            TorchDevice device,
            BlockWeights.Placement placement,
            WeightLoader loader,
            TensorScope scope)
            throws IOException {
        this.config = config;
        this.positions = positions;
        this.device = device;
        this.scope = scope;
        List<String> vision = List.copyOf(config.visionWeights().keySet());
        int visionEnd = 1 + BLOCK_WEIGHTS * config.vision().depth();
        this.visionStart = loader.load(scope, vision.subList(0, 1));
        this.visionBlocks = loader.loadBlocks(scope, vision.subList(1, visionEnd), BLOCK_WEIGHTS, placement);
        this.visionFinish = loader.load(scope, vision.subList(visionEnd, vision.size()));
        this.language = new QwenLanguageModel(config, loader, scope, placement);
        List<Integer> ids = Stream.concat(EditPrompt.INSTANCE.before().stream(), EditPrompt.INSTANCE.after().stream())
                .toList();
        this.prompt = loader.loadRows(scope, QwenLanguageModel.EMBEDDING, ids);
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
            Tensor cells = see(temporary, pixels, grid, windows);
            return language.read(
                    scope,
                    cells,
                    prompt,
                    EditPrompt.INSTANCE.before().size(),
                    grid,
                    positions,
                    EditPrompt.INSTANCE.dropped());
        }
    }

    /** The vision tower: pixels to cells. */
    private Tensor see(TensorScope scope, Tensor pixels, int grid, Windows windows) {
        QwenVlConfig.Vision vision = config.vision();
        int head = vision.hiddenSize() / vision.heads();
        try (TensorScope temporary = new TensorScope()) {
            Tensor x = GRAPH.call(temporary, "vision_start", pixels, visionStart, windows.order());
            Tensor rotary = GRAPH.call(temporary, "vision_rotary", x, windows.order(), grid, head);
            Tensor y = visionBlocks.pass(
                    x,
                    (in, first, weights) -> GRAPH.call(
                            temporary,
                            "vision_blocks",
                            in,
                            rotary,
                            weights,
                            first,
                            windows.counts(),
                            windows.cells(),
                            toLongs(vision.fullAttentionBlocks()),
                            vision.heads()));
            return GRAPH.call(scope, "vision_finish", y, visionFinish, windows.order());
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
        visionBlocks.close();
        language.close();
        scope.close();
    }
}
