package org.i2lspark.encoder;

import java.io.IOException;
import java.util.List;
import org.i2lspark.safetensors.TensorSource;
import org.i2lspark.torch.BlockWeights;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/** The DINOv3 vision transformer: images in, normalised CLS tokens out. */
public final class DinoV3Encoder implements AutoCloseable {
    private static final Graph GRAPH = Graph.load(DinoV3Encoder.class, "dinov3.py");
    private static final int START_WEIGHTS = 4;
    private static final int BLOCK_WEIGHTS = 17;

    private final DinoV3Config config;
    private final TensorScope scope;
    private final List<Tensor> start;
    private final BlockWeights blocks;
    private final List<Tensor> finish;

    /** Loads the weights of a checkpoint whose layout is {@code config.layout()}. */
    public static DinoV3Encoder load(
            TensorSource checkpoint,
            DinoV3Config config,
            ElementType precision,
            TorchDevice device,
            BlockWeights.Placement placement)
            throws IOException {
        return WeightLoader.load(
                checkpoint, precision, device, (loader, scope) -> new DinoV3Encoder(config, loader, scope, placement));
    }

    private DinoV3Encoder(DinoV3Config config, WeightLoader loader, TensorScope scope, BlockWeights.Placement placement)
            throws IOException {
        this.config = config;
        this.scope = scope;
        List<String> names = List.copyOf(config.weights().keySet());
        int end = START_WEIGHTS + BLOCK_WEIGHTS * config.layers();
        this.start = loader.load(scope, names.subList(0, START_WEIGHTS));
        this.blocks = loader.loadBlocks(scope, names.subList(START_WEIGHTS, end), BLOCK_WEIGHTS, placement);
        this.finish = loader.load(scope, names.subList(end, names.size()));
    }

    /**
     * Embeds a batch: one vector of {@code hiddenSize} each.
     *
     * @param crops {@code [images, height, width, 3]} uint8, on the encoder's device
     */
    public List<float[]> encode(Tensor crops) {
        int patches = config.imageSize() / config.patchSize();
        int head = config.hiddenSize() / config.heads();
        try (TensorScope temporary = new TensorScope()) {
            Tensor x = GRAPH.call(temporary, "start", crops, start, config.imageSize());
            Tensor rotary = GRAPH.call(temporary, "rotary", x, patches, head, config.ropeTheta());
            Tensor y = blocks.pass(
                    x,
                    (in, first, weights) ->
                            GRAPH.call(temporary, "blocks", in, rotary, weights, config.heads(), config.epsilon()));
            return GRAPH.call(temporary, "finish", y, finish, config.epsilon()).toFloatRows();
        }
    }

    @Override
    public void close() {
        blocks.close();
        scope.close();
    }
}
