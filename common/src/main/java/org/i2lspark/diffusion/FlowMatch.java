package org.i2lspark.diffusion;

import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;

/**
 * Flow matching: from noise to latents along velocities, step by step. Latents are tokens, {@code [rows * columns, channels * 4]}
 * float32, each of them a square of 2×2 latent pixels of all channels.
 */
public final class FlowMatch {
    private static final Graph GRAPH = Graph.load(FlowMatch.class, "flow_match.py");

    private FlowMatch() {}

    /**
     * The noise that an image starts from: that of {@code torch.randn} with a generator of this seed on the CPU, bit by bit.
     *
     * @param type in which it is drawn: float32 or bfloat16, which are different numbers
     * @return {@code [channels, 2 * rows, 2 * columns]} float32 on the CPU
     */
    public static Tensor noise(TensorScope scope, int channels, int rows, int columns, long seed, ElementType type) {
        long[] shape = {channels, (long) DitConfig.PATCH * rows, (long) DitConfig.PATCH * columns};
        return GRAPH.call(scope, "noise", shape, seed, type);
    }

    /** Latent pixels {@code [channels, 2 * rows, 2 * columns]} as tokens, on a device. */
    public static Tensor pack(TensorScope scope, Tensor latents, TorchDevice device) {
        return GRAPH.call(scope, "pack", latents, device);
    }

    /** Tokens as latent pixels {@code [channels, 2 * rows, 2 * columns]}. */
    public static Tensor unpack(TensorScope scope, Tensor tokens, int rows, int columns) {
        return GRAPH.call(scope, "unpack", tokens, rows, columns);
    }

    /** Classifier-free guidance: from the velocity of what is not wanted through that of what is, by {@code scale}. */
    public static Tensor guide(TensorScope scope, Tensor wanted, Tensor unwanted, double scale) {
        return GRAPH.call(scope, "guide", wanted, unwanted, scale);
    }

    /** Gives each token of a velocity the length that it has in another. */
    public static Tensor rescale(TensorScope scope, Tensor velocity, Tensor like) {
        return GRAPH.call(scope, "rescale", velocity, like);
    }

    /** A step along a velocity, from one noise level to another. */
    public static Tensor step(TensorScope scope, Tensor latents, Tensor velocity, float from, float to) {
        return GRAPH.call(scope, "step", latents, velocity, (double) (to - from));
    }
}
