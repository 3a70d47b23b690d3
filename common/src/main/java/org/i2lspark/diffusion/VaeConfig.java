package org.i2lspark.diffusion;

import static org.i2lspark.safetensors.TensorShapes.putPair;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.encoder.HuggingFaceConfig;
import org.i2lspark.image.RgbImage;
import org.i2lspark.safetensors.TensorLayout;
import org.i2lspark.safetensors.TensorShapes;
import org.i2lspark.torch.ElementType;

/**
 * The sizes of the decoder of Qwen-Image's variational autoencoder (VAE), and the statistics of its latents.
 *
 * @param baseWidth channels at the full size of the picture
 * @param widthFactors of it, from the full size to that of the latents
 * @param residuals residual blocks of each size in the encoder; the decoder has one more
 * @param mean of each channel of the latents
 * @param deviation standard deviation of each channel of the latents
 */
public record VaeConfig(
        int baseWidth, List<Integer> widthFactors, int residuals, List<Double> mean, List<Double> deviation) {
    /** A latent pixel is this many pixels wide and high: there are three upsamplings. */
    public static final int SCALE = 8;

    /** As released with Qwen-Image. */
    public static final VaeConfig RELEASED = new VaeConfig(
            96,
            List.of(1, 2, 4, 4),
            2,
            List.of(
                    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517,
                    -0.3632, -0.1922, -0.9497, 0.2503, -0.2921),
            List.of(
                    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579,
                    1.6382, 1.1253, 2.8251, 1.916));

    private static final int SIZES = 4;
    private static final String DECODER = "decoder.";
    private static final String ENTRY = "post_quant_conv";

    public VaeConfig {
        widthFactors = List.copyOf(widthFactors);
        mean = List.copyOf(mean);
        deviation = List.copyOf(deviation);
    }

    /** Reads the {@code config.json} of a diffusers {@code AutoencoderKLQwenImage}. */
    public static VaeConfig read(Path path) throws IOException {
        HuggingFaceConfig config = HuggingFaceConfig.readWhole(path);
        config.require("_class_name", "AutoencoderKLQwenImage");
        config.require("input_channels", RgbImage.CHANNELS);
        VaeConfig sizes = new VaeConfig(
                config.positive("base_dim"),
                config.positives("dim_mult", RELEASED.widthFactors),
                config.positive("num_res_blocks", RELEASED.residuals),
                config.numbers("latents_mean", RELEASED.mean),
                config.numbers("latents_std", RELEASED.deviation));
        int channels = config.positive("z_dim", sizes.mean.size());
        if (sizes.widthFactors.size() != SIZES || sizes.widthFactors.contains(0)) {
            throw config.invalid("dim_mult", SIZES + " positive numbers");
        }
        if (sizes.mean.size() != channels) {
            throw config.invalid("latents_mean", "a number for each of %d channels".formatted(channels));
        }
        if (sizes.deviation.size() != channels) {
            throw config.invalid("latents_std", "a number for each of %d channels".formatted(channels));
        }
        return sizes;
    }

    /** The {@code config.json} that {@link #read} reads. */
    public String toJson() {
        return """
                {"_class_name": "AutoencoderKLQwenImage", "base_dim": %d, "dim_mult": %s, "num_res_blocks": %d,
                 "z_dim": %d, "latents_mean": %s, "latents_std": %s}
                """.formatted(baseWidth, widthFactors, residuals, latentChannels(), mean, deviation);
    }

    /** Channels of the latents. */
    public int latentChannels() {
        return mean.size();
    }

    /** Whether a tensor of the autoencoder is used when a picture is decoded: only videos need its convolutions in time. */
    public static boolean isUsed(String tensor) {
        return (tensor.startsWith(DECODER) || tensor.startsWith(ENTRY)) && !tensor.contains(".time_conv.");
    }

    /** What a checkpoint of these sizes holds of tensors that {@link #isUsed} names. */
    public TensorLayout layout() {
        return TensorLayout.of(weights());
    }

    /** How many numbers the weights are of which use is made: of convolutions in three dimensions, the last tap in time. */
    public long parameters() {
        Map<String, List<Long>> flat = new LinkedHashMap<>();
        weights()
                .forEach((name, shape) -> flat.put(
                        name,
                        shape.size() == 5 ? List.of(shape.get(0), shape.get(1), shape.get(3), shape.get(4)) : shape));
        return TensorShapes.elements(flat);
    }

    /** How many bytes there are at most, beside the weights, while a picture of this many pixels is decoded. */
    public long workBytes(long pixels, ElementType precision) {
        // of the last sizes' first residual: what comes in and goes on, the norm in float32, and a convolution's
        // columns or copy
        long channels = pixels * baseWidth * widthFactors.get(1);
        return channels * (3L * precision.byteSize() + 2L * ElementType.FLOAT32.byteSize());
    }

    /** How many residual blocks the decoder has of each size. */
    int residualsOfASize() {
        return residuals + 1;
    }

    /** Names and shapes of the weights of which use is made, in the order in which the graph takes them. */
    Map<String, List<Long>> weights() {
        long latent = latentChannels();
        List<Long> widths = new ArrayList<>();
        for (int factor : widthFactors) {
            widths.add((long) baseWidth * factor);
        }
        Collections.reverse(widths);
        long top = widths.get(0);
        Map<String, List<Long>> weights = new LinkedHashMap<>();
        putPair(weights, ENTRY, convolution(latent, latent, 1));
        putPair(weights, DECODER + "conv_in", convolution(top, latent, 3));
        putResidual(weights, DECODER + "mid_block.resnets.0.", top, top);
        weights.put(DECODER + "mid_block.attentions.0.norm.gamma", List.of(top, 1L, 1L));
        putPair(weights, DECODER + "mid_block.attentions.0.to_qkv", List.of(3 * top, top, 1L, 1L));
        putPair(weights, DECODER + "mid_block.attentions.0.proj", List.of(top, top, 1L, 1L));
        putResidual(weights, DECODER + "mid_block.resnets.1.", top, top);
        long in = top;
        for (int i = 0; i < widths.size(); i++) {
            long out = widths.get(i);
            String block = DECODER + "up_blocks." + i + ".";
            for (int j = 0; j < residualsOfASize(); j++) {
                putResidual(weights, block + "resnets." + j + ".", in, out);
                in = out;
            }
            if (i + 1 < widths.size()) {
                putPair(weights, block + "upsamplers.0.resample.1", List.of(out / 2, out, 3L, 3L));
                in = out / 2;
            }
        }
        weights.put(DECODER + "norm_out.gamma", List.of(in, 1L, 1L, 1L));
        putPair(weights, DECODER + "conv_out", convolution(RgbImage.CHANNELS, in, 3));
        return weights;
    }

    private static void putResidual(Map<String, List<Long>> weights, String name, long in, long out) {
        weights.put(name + "norm1.gamma", List.of(in, 1L, 1L, 1L));
        putPair(weights, name + "conv1", convolution(out, in, 3));
        weights.put(name + "norm2.gamma", List.of(out, 1L, 1L, 1L));
        putPair(weights, name + "conv2", convolution(out, out, 3));
        if (in != out) {
            putPair(weights, name + "conv_shortcut", convolution(out, in, 1));
        }
    }

    private static List<Long> convolution(long out, long in, long side) {
        return List.of(out, in, side, side, side);
    }
}
