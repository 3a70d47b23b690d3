package org.i2lspark.encoder;

import java.io.IOException;
import java.util.List;
import org.i2lspark.encoder.FixedPointWeights.Filter;
import org.i2lspark.safetensors.TensorStore;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/** The SigLIP2 vision tower: images in, pooled embeddings out. */
public final class SigLip2Encoder implements AutoCloseable {
    private static final Graph GRAPH = Graph.load(SigLip2Encoder.class, "siglip2.py");

    private final SigLip2Config config;
    private final TensorScope scope;
    private final List<Tensor> weights;
    private final ByteResize resize;

    /**
     * Loads the weights of a checkpoint whose layout is {@code config.layout()}.
     *
     * @param cropSize side in pixels of the crops that it will be given
     */
    public static SigLip2Encoder load(
            TensorStore checkpoint, SigLip2Config config, ElementType precision, TorchDevice device, int cropSize)
            throws IOException {
        return WeightLoader.load(
                checkpoint,
                precision,
                device,
                (loader, scope) -> new SigLip2Encoder(
                        config,
                        scope,
                        loader.load(scope, List.copyOf(config.weights().keySet())),
                        ByteResize.on(scope, Filter.BILINEAR, cropSize, config.imageSize(), device)));
    }

    private SigLip2Encoder(SigLip2Config config, TensorScope scope, List<Tensor> weights, ByteResize resize) {
        this.config = config;
        this.scope = scope;
        this.weights = weights;
        this.resize = resize;
    }

    /**
     * Embeds a batch: one vector of {@code hiddenSize} each.
     *
     * @param crops {@code [images, cropSize, cropSize, 3]} uint8, on the encoder's device
     */
    public List<float[]> encode(Tensor crops) {
        try (TensorScope temporary = new TensorScope()) {
            return GRAPH.call(
                            temporary,
                            "forward",
                            resize.apply(temporary, crops),
                            weights,
                            config.heads(),
                            config.epsilon())
                    .toFloatRows();
        }
    }

    @Override
    public void close() {
        scope.close();
    }
}
