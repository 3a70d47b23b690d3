package org.i2lspark.jobs.bench;

import java.io.IOException;
import java.util.List;
import org.i2lspark.diffusion.DitConfig;
import org.i2lspark.encoder.DinoV3Config;
import org.i2lspark.encoder.QwenVlConfig;
import org.i2lspark.encoder.SigLip2Config;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.model.Checkpoint;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.Network;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.safetensors.TensorStore;
import org.i2lspark.torch.ElementType;

/**
 * What a stage asks of a device, by the shapes of its weights.
 *
 * @param flops floating-point operations an image: two for each weight and token, and attention
 * @param weightBytes read once a batch
 * @param hostBytes an image, between host and device
 */
record Cost(double flops, double weightBytes, double hostBytes) {
    static final Cost NONE = new Cost(0, 0, 0);

    private static final int TEXT_TOKENS = 71;
    private static final int MERGED_PATCHES = 4;
    private static final String RESIDUAL = ".proj_residual.";

    /** Seconds an image that a device takes at least, in batches of this size. */
    double leastSeconds(int batch, DeviceRates rates) {
        return Math.max(
                flops / rates.flops(), Math.max(weightBytes / rates.memory() / batch, hostBytes / rates.link()));
    }

    static Cost siglip2(Network<SigLip2Config> encoder, StackSettings settings) throws IOException {
        SigLip2Config config = encoder.config();
        double tokens = square((double) config.imageSize() / config.patchSize());
        double size = config.hiddenSize();
        double layer = block(tokens, 4 * square(size) + 2 * size * config.intermediateSize(), tokens, size);
        double head = 2 * tokens * 2 * square(size);
        return encoder(
                encoder.checkpoint(),
                settings,
                config.layers() * layer + head + patches(tokens, size, config.patchSize()));
    }

    static Cost dinov3(Network<DinoV3Config> encoder, StackSettings settings) throws IOException {
        DinoV3Config config = encoder.config();
        double patches = square((double) config.imageSize() / config.patchSize());
        double tokens = patches + 1 + config.registers();
        double size = config.hiddenSize();
        double layer = block(tokens, 4 * square(size) + 3 * size * config.intermediateSize(), tokens, size);
        return encoder(
                encoder.checkpoint(), settings, config.layers() * layer + patches(patches, size, config.patchSize()));
    }

    /** Of an image of this many pixels a side. */
    static Cost qwenVl(Network<QwenVlConfig> encoder, int imageSize, StackSettings settings) throws IOException {
        QwenVlConfig config = encoder.config();
        QwenVlConfig.Vision vision = config.vision();
        double patches = square((double) imageSize / vision.patchSize());
        double seen = vision.hiddenSize();
        double window = square((double) vision.windowSize() / vision.patchSize());
        int full = vision.fullAttentionBlocks().size();
        double weights = 4 * square(seen) + 3 * seen * vision.intermediateSize();
        double tower = full * block(patches, weights, patches, seen)
                + (vision.depth() - full) * block(patches, weights, Math.min(window, patches), seen);
        double cells = patches / MERGED_PATCHES;
        double merger = 2 * cells * MERGED_PATCHES * seen * (MERGED_PATCHES * seen + config.hiddenSize());
        return encoder(encoder.checkpoint(), settings, tower + merger + languageFlops(config, cells + TEXT_TOKENS));
    }

    /** Of a text of this many tokens that Qwen2.5-VL's language model reads; an image is a text. */
    static Cost language(QwenVlConfig config, int tokens, ElementType precision) {
        return new Cost(languageFlops(config, tokens), config.languageParameters() * (double) precision.byteSize(), 0);
    }

    private static double languageFlops(QwenVlConfig config, double tokens) {
        double size = config.hiddenSize();
        double keys = size * config.keyValueHeads() / config.heads();
        // a token attends to those before it, half of all in the mean
        return config.layers()
                * block(
                        tokens,
                        2 * square(size) + 2 * size * keys + 3 * size * config.intermediateSize(),
                        tokens / 2,
                        size);
    }

    /** Of a forward pass of the diffusion transformer. */
    static Cost transformer(DitConfig config, int imageTokens, int textTokens, ElementType precision) {
        double tokens = (double) imageTokens + textTokens;
        // each of the two streams has weights of its own
        double weights = (double) config.blockParameters() / config.layers() / 2;
        double ends = 2.0
                * config.width()
                * (2.0 * imageTokens * config.tokenSize() + (double) textTokens * config.textSize());
        return new Cost(
                config.layers() * block(tokens, weights, tokens, config.width()) + ends,
                (double) (config.blockParameters() + config.endParameters()) * precision.byteSize(),
                0);
    }

    /** Of the path that takes hidden states. */
    static Cost residual(I2lModel.Decoder decoder, StackSettings settings) throws IOException {
        double flops = 0;
        double values = 0;
        try (TensorStore store = decoder.checkpoint().open()) {
            for (TensorInfo tensor : store.tensors().values()) {
                if (tensor.name().contains(RESIDUAL)) {
                    boolean perToken = tensor.name().contains("proj_in");
                    flops += 2
                            * size(tensor)
                            * (perToken ? decoder.layout().kind().tokens() : 1);
                    values += size(tensor);
                }
            }
        }
        return new Cost(flops, values * settings.precision().byteSize(), 0);
    }

    /**
     * Of embeddings that become factors.
     *
     * @param loraBytes that an image's factors take
     */
    static Cost decode(List<I2lModel.Decoder> decoders, StackSettings settings, double loraBytes) throws IOException {
        double values = 0;
        for (I2lModel.Decoder decoder : decoders) {
            try (TensorStore store = decoder.checkpoint().open()) {
                values += store.tensors().values().stream()
                        .filter(tensor -> !tensor.name().contains(RESIDUAL))
                        .mapToDouble(Cost::size)
                        .sum();
            }
        }
        return new Cost(2 * values, values * settings.precision().byteSize(), loraBytes);
    }

    /** Of a transformer's layer: its products and its attention, to {@code attended} tokens each. */
    private static double block(double tokens, double weights, double attended, double size) {
        return 2 * tokens * weights + 4 * tokens * attended * size;
    }

    private static double patches(double count, double size, int patchSize) {
        return 2 * count * size * 3 * square(patchSize);
    }

    private static Cost encoder(Checkpoint checkpoint, StackSettings settings, double flops) throws IOException {
        try (TensorStore store = checkpoint.open()) {
            double values =
                    store.tensors().values().stream().mapToDouble(Cost::size).sum();
            return new Cost(flops, values * settings.precision().byteSize(), 0);
        }
    }

    private static double size(TensorInfo tensor) {
        return tensor.shape().stream().mapToDouble(Long::doubleValue).reduce(1, (a, b) -> a * b);
    }

    private static double square(double side) {
        return side * side;
    }
}
