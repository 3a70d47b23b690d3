package org.i2lspark.diffusion;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.i2lspark.image.RgbImage;
import org.i2lspark.safetensors.TensorSource;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/** The decoder of Qwen-Image's VAE, for pictures: latents in, pixels out. Of what only videos need, nothing is kept. */
public final class VaeDecoder implements AutoCloseable {
    private static final Graph GRAPH = Graph.load(VaeDecoder.class, "qwen_image_vae.py");
    private static final int DIMENSIONS_WITH_TIME = 5;

    private final VaeConfig config;
    private final TensorScope scope;
    private final List<Tensor> weights;
    private final Tensor mean;
    private final Tensor deviation;

    /** Loads the weights of a checkpoint that has what {@code config.layout()} says. */
    public static VaeDecoder load(TensorSource checkpoint, VaeConfig config, ElementType precision, TorchDevice device)
            throws IOException {
        return WeightLoader.load(
                checkpoint, precision, device, (loader, scope) -> new VaeDecoder(config, loader, scope));
    }

    private VaeDecoder(VaeConfig config, WeightLoader loader, TensorScope scope) throws IOException {
        this.config = config;
        this.scope = scope;
        this.weights = new ArrayList<>();
        for (Map.Entry<String, List<Long>> weight : config.weights().entrySet()) {
            weights.add(load(loader, weight.getKey(), weight.getValue()));
        }
        this.mean = statistics(config.mean());
        this.deviation = statistics(config.deviation());
    }

    private Tensor load(WeightLoader loader, String name, List<Long> shape) throws IOException {
        if (shape.size() < DIMENSIONS_WITH_TIME) {
            return loader.load(scope, List.of(name)).get(0);
        }
        try (TensorScope temporary = new TensorScope()) {
            return GRAPH.call(
                    scope, "last_tap", loader.load(temporary, List.of(name)).get(0));
        }
    }

    private Tensor statistics(List<Double> numbers) {
        float[] floats = new float[numbers.size()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = numbers.get(i).floatValue();
        }
        return Tensors.ofFloats(scope, floats, List.of((long) floats.length));
    }

    /**
     * Decodes an image.
     *
     * @param target takes the result
     * @param latents {@code [channels, height / 8, width / 8]} float32, as the transformer leaves them, on the decoder's device
     * @return {@code [3, height, width]} float32 in [-1, 1], on the decoder's device
     */
    Tensor pixels(TensorScope target, Tensor latents) {
        return GRAPH.call(target, "decode", latents, mean, deviation, weights, config.residualsOfASize());
    }

    /**
     * Decodes an image to bytes, halves rounded to even.
     *
     * @param latents {@code [channels, height / 8, width / 8]} float32, as the transformer leaves them, on the decoder's device
     */
    public RgbImage decode(Tensor latents) {
        try (TensorScope temporary = new TensorScope()) {
            Tensor bytes = GRAPH.call(temporary, "to_bytes", pixels(temporary, latents));
            byte[] pixels = new byte[Math.toIntExact(bytes.size())];
            bytes.memory().get(pixels);
            List<Long> shape = bytes.shape();
            return new RgbImage(Math.toIntExact(shape.get(1)), Math.toIntExact(shape.get(0)), pixels);
        }
    }

    @Override
    public void close() {
        scope.close();
    }
}
