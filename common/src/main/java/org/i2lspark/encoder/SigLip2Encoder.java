package org.i2lspark.encoder;

import java.io.IOException;
import java.util.List;
import org.i2lspark.image.RgbImage;
import org.i2lspark.safetensors.TensorStore;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/** The SigLIP2 vision tower: images in, pooled embeddings out. */
public final class SigLip2Encoder implements AutoCloseable {
    private static final Graph GRAPH = Graph.load(SigLip2Encoder.class, "siglip2.py");

    private final SigLip2Config config;
    private final TensorScope scope;
    private final List<Tensor> weights;

    /** Loads the weights of a checkpoint whose layout is {@code config.layout()}. */
    public static SigLip2Encoder load(
            TensorStore checkpoint, SigLip2Config config, ElementType precision, TorchDevice device)
            throws IOException {
        return WeightLoader.load(
                checkpoint,
                precision,
                device,
                (loader, scope) -> new SigLip2Encoder(
                        config,
                        scope,
                        loader.load(scope, List.copyOf(config.weights().keySet()))));
    }

    private SigLip2Encoder(SigLip2Config config, TensorScope scope, List<Tensor> weights) {
        this.config = config;
        this.scope = scope;
        this.weights = weights;
    }

    /**
     * Brings a crop to the size that the encoder sees, on the CPU. Safe for use by several threads, and needs no weights.
     *
     * @return {@code 3×imageSize×imageSize} bytes, one plane after the other
     */
    public static byte[] resize(RgbImage crop, int imageSize) {
        return ResizeGraph.resize(GRAPH, crop, imageSize);
    }

    /** Embeds a batch of {@link #resize resized} images: one vector of {@code hiddenSize} each. */
    public List<float[]> encode(List<byte[]> resized) {
        long side = config.imageSize();
        try (TensorScope temporary = new TensorScope()) {
            Tensor pixels = Tensors.stackBytes(temporary, resized, List.of(3L, side, side));
            return GRAPH.call(temporary, "forward", pixels, weights, config.heads(), config.epsilon())
                    .toFloatRows();
        }
    }

    @Override
    public void close() {
        scope.close();
    }
}
