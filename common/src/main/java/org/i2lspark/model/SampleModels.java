package org.i2lspark.model;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.i2lspark.decoder.Bias;
import org.i2lspark.decoder.DecoderKind;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.encoder.DinoV3Config;
import org.i2lspark.encoder.QwenVlConfig;
import org.i2lspark.encoder.SigLip2Config;
import org.i2lspark.model.SyntheticWeights.Recipe;

/**
 * Small checkpoints with made-up weights that are laid out as the released ones: the same files, tensor names, graphs and
 * number of transformer blocks, only narrower and shallower. For trying the pipeline, not for making pictures.
 */
public final class SampleModels {
    private static final String MARKER = "SAMPLE-MODELS.txt";
    private static final long SEED = 20261123;
    private static final int BLOCKS = 60;
    private static final int COMPRESSED = 8;
    /** A 48th of the released width. */
    private static final int WIDTH = 64;

    private static final SigLip2Config SIGLIP2 = new SigLip2Config(48, 96, 2, 4, 384, 16, 1e-6);
    private static final DinoV3Config DINOV3 = new DinoV3Config(64, 128, 2, 4, 4, 224, 16, 100, 1e-5);

    private static final QwenVlConfig QWEN_VL = new QwenVlConfig(
            64,
            96,
            2,
            4,
            2,
            152064,
            1e6,
            List.of(2, 3, 3),
            1e-6,
            new QwenVlConfig.Vision(32, 68, 4, 2, 14, 112, List.of(1, 3)));

    /** Values a token that the residual path compresses to. */
    private static final int COARSE_TOKEN_SIZE = 4;

    private static final int FINE_TOKEN_SIZE = 1;

    private SampleModels() {}

    /** Whether the checkpoints in a folder were written by {@link #write}. */
    public static boolean wrote(Path models) {
        return Files.exists(models.resolve(MARKER));
    }

    /** Writes the checkpoints of all variants below {@code models}, about 130 MB. */
    public static void write(Path models) throws IOException {
        Files.createDirectories(models);
        Files.writeString(
                models.resolve(MARKER),
                "Small checkpoints with made-up weights, written by 'i2l sample-models'. Not the released models.\n");
        Path siglip2 = models.resolve(I2lModel.SIGLIP2_PATH);
        SyntheticWeights.write(siglip2, recipes(SIGLIP2.layout().shapes()), SEED);
        writeConfig(siglip2, SIGLIP2.toJson());
        Path dinov3 = models.resolve(I2lModel.DINOV3_PATH);
        SyntheticWeights.write(dinov3, recipes(DINOV3.layout().shapes()), SEED);
        writeConfig(dinov3, DINOV3.toJson());
        Path qwenVl = models.resolve(I2lModel.QWEN_VL_FOLDER).resolve("model.safetensors");
        SyntheticWeights.write(qwenVl, recipes(QWEN_VL.layout().shapes()), SEED);
        writeConfig(qwenVl, QWEN_VL.toJson());
        writeDecoder(models, Variant.STYLE, 0);
        writeDecoder(models, Variant.COARSE, COARSE_TOKEN_SIZE);
        writeDecoder(models, Variant.FINE, FINE_TOKEN_SIZE);
        SyntheticWeights.write(models.resolve(I2lModel.path(Variant.BIAS)), recipes(Bias.shapes(BLOCKS, WIDTH)), SEED);
    }

    private static void writeDecoder(Path models, Variant variant, int tokenSize) throws IOException {
        DecoderKind kind = variant.decoder().orElseThrow();
        int embedding = SIGLIP2.hiddenSize() + DINOV3.hiddenSize();
        Map<String, List<Long>> shapes = new TreeMap<>(DecoderLayout.shapes(embedding, COMPRESSED, BLOCKS, WIDTH));
        if (kind.tokens() > 0) {
            shapes.putAll(DecoderLayout.residualShapes(kind, BLOCKS, COMPRESSED, tokenSize, QWEN_VL.hiddenSize()));
        }
        SyntheticWeights.write(models.resolve(I2lModel.path(variant)), recipes(shapes), SEED);
    }

    private static void writeConfig(Path checkpoint, String json) throws IOException {
        Files.write(checkpoint.resolveSibling("config.json"), json.getBytes(StandardCharsets.UTF_8));
    }

    /** Scales that keep activations of about unit size through any number of layers. */
    private static List<Recipe> recipes(Map<String, List<Long>> shapes) {
        List<Recipe> recipes = new ArrayList<>();
        shapes.forEach((name, shape) -> {
            if (shape.size() == 1) {
                boolean gain = (name.contains("norm") && name.endsWith("weight")) || name.contains("lambda");
                recipes.add(new Recipe(name, shape, 0.1f, gain ? 1 : 0));
            } else {
                long inputs = shape.stream().skip(1).reduce(1L, Math::multiplyExact);
                recipes.add(new Recipe(name, shape, (float) Math.sqrt(3.0 / inputs), 0));
            }
        });
        return recipes;
    }
}
