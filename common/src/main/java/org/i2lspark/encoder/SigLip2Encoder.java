package org.i2lspark.encoder;

import java.io.IOException;
import java.util.List;
import org.i2lspark.encoder.FixedPointWeights.Filter;
import org.i2lspark.safetensors.TensorSource;
import org.i2lspark.torch.BlockWeights;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/** The SigLIP2 vision tower: images in, pooled embeddings out. */
public final class SigLip2Encoder implements AutoCloseable {
    private static final Graph GRAPH = Graph.load(SigLip2Encoder.class, "siglip2.py");
    private static final int START_WEIGHTS = 3;
    private static final int BLOCK_WEIGHTS = 16;

    private final SigLip2Config config;
    private final TensorScope scope;
    private final ByteResize resize;
    private final List<Tensor> start;
    private final BlockWeights blocks;
    private final List<Tensor> finish;

    /**
     * Loads the weights of a checkpoint whose layout is {@code config.layout()}.
     *
     * @param cropSize side in pixels of the crops that it will be given
     */
    public static SigLip2Encoder load(
            TensorSource checkpoint,
            SigLip2Config config,
            ElementType precision,
            TorchDevice device,
            BlockWeights.Placement placement,
            int cropSize)
            throws IOException {
        return WeightLoader.load(
                checkpoint,
                precision,
                device,
                (loader, scope) -> new SigLip2Encoder(
                        config,
                        loader,
                        scope,
                        placement,
                        ByteResize.on(scope, Filter.BILINEAR, cropSize, config.imageSize(), device)));
    }

    private SigLip2Encoder(
            SigLip2Config config,
            WeightLoader loader,
            TensorScope scope,
            BlockWeights.Placement placement,
            ByteResize resize)
            throws IOException {
        this.config = config;
        this.scope = scope;
        this.resize = resize;
        List<String> names = List.copyOf(config.weights().keySet());
        int end = START_WEIGHTS + BLOCK_WEIGHTS * config.layers();
        this.start = loader.load(scope, names.subList(0, START_WEIGHTS));
        this.blocks = loader.loadBlocks(scope, names.subList(START_WEIGHTS, end), BLOCK_WEIGHTS, placement);
        this.finish = loader.load(scope, names.subList(end, names.size()));
    }

    /**
     * Embeds a batch: one vector of {@code hiddenSize} each.
     *
     * @param crops {@code [images, cropSize, cropSize, 3]} uint8, on the encoder's device
     */
    public List<float[]> encode(Tensor crops) {
        try (TensorScope temporary = new TensorScope()) {
            Tensor x = GRAPH.call(temporary, "start", resize.apply(temporary, crops), start);
            Tensor y = blocks.pass(
                    x,
                    (in, first, weights) ->
                            GRAPH.call(temporary, "blocks", in, weights, config.heads(), config.epsilon()));
            return GRAPH.call(temporary, "finish", y, finish, config.heads(), config.epsilon())
                    .toFloatRows();
        }
    }

    @Override
    public void close() {
        blocks.close();
        scope.close();
    }
}
