package org.i2lspark.encoder;

import java.io.IOException;
import java.util.List;
import org.i2lspark.safetensors.TensorStore;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/** The DINOv3 vision transformer: images in, normalised CLS tokens out. */
public final class DinoV3Encoder implements AutoCloseable {
    private static final Graph GRAPH = Graph.load(DinoV3Encoder.class, "dinov3.py");

    private final DinoV3Config config;
    private final TensorScope scope;
    private final List<Tensor> weights;

    /** Loads the weights of a checkpoint whose layout is {@code config.layout()}. */
    public static DinoV3Encoder load(
            TensorStore checkpoint, DinoV3Config config, ElementType precision, TorchDevice device) throws IOException {
        return WeightLoader.load(
                checkpoint,
                precision,
                device,
                (loader, scope) -> new DinoV3Encoder(
                        config,
                        scope,
                        loader.load(scope, List.copyOf(config.weights().keySet()))));
    }

    private DinoV3Encoder(DinoV3Config config, TensorScope scope, List<Tensor> weights) {
        this.config = config;
        this.scope = scope;
        this.weights = weights;
    }

    /**
     * Embeds a batch: one vector of {@code hiddenSize} each.
     *
     * @param crops {@code [images, height, width, 3]} uint8, on the encoder's device
     */
    public List<float[]> encode(Tensor crops) {
        try (TensorScope temporary = new TensorScope()) {
            return GRAPH.call(
                            temporary,
                            "forward",
                            crops,
                            weights,
                            config.imageSize(),
                            config.heads(),
                            config.ropeTheta(),
                            config.epsilon())
                    .toFloatRows();
        }
    }

    @Override
    public void close() {
        scope.close();
    }
}
