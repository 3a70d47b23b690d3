package org.i2lspark.model;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.i2lspark.decoder.Bias;
import org.i2lspark.decoder.DecoderKind;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.diffusion.DitConfig;
import org.i2lspark.diffusion.FlowMatchConfig;
import org.i2lspark.diffusion.VaeConfig;
import org.i2lspark.encoder.DinoV3Config;
import org.i2lspark.encoder.QwenVlConfig;
import org.i2lspark.encoder.SigLip2Config;
import org.i2lspark.lora.Transformer;
import org.i2lspark.model.SyntheticWeights.Recipe;
import org.i2lspark.tokenizer.SmallTokenizer;

/**
 * Checkpoints with made-up weights that are laid out as the released ones: the same files, tensor names, graphs and number of
 * transformer blocks. For trying and timing the pipeline, not for making pictures.
 */
public final class SampleModels {
    private static final String MARKER = "SAMPLE-MODELS.txt";
    private static final long SEED = 20261123;

    /**
     * How large they are.
     *
     * @param divisors how many times narrower than released the transformers are that the LoRAs are for
     * @param compressed values that the Style decoder compresses an embedding to
     * @param compressedWithResidual the same of Coarse and Fine
     * @param coarseTokenSize values that the Coarse decoder compresses a token to
     * @param fineTokenSize the same of Fine
     * @param unused tensors of Qwen2.5-VL that the checkpoint has and nobody needs
     * @param transformer that the LoRAs are for
     */
    private record Sizes(
            SigLip2Config siglip2,
            DinoV3Config dinov3,
            QwenVlConfig qwenVl,
            Map<Transformer, Integer> divisors,
            int compressed,
            int compressedWithResidual,
            int coarseTokenSize,
            int fineTokenSize,
            Map<String, List<Long>> unused,
            DitConfig transformer,
            VaeConfig vae) {
        static final int BLOCKS = 60;

        /** A 48th, or a 64th, of the released width: layers of a base model must stay whole. */
        static final Sizes SMALL = new Sizes(
                new SigLip2Config(48, 96, 2, 4, 384, 16, 1e-6),
                new DinoV3Config(64, 128, 2, 4, 4, 224, 16, 100, 1e-5),
                new QwenVlConfig(
                        64,
                        96,
                        2,
                        4,
                        2,
                        152064,
                        1e6,
                        List.of(2, 3, 3),
                        1e-6,
                        new QwenVlConfig.Vision(32, 68, 4, 2, 14, 112, List.of(1, 3))),
                Map.of(Transformer.QWEN_IMAGE, 48, Transformer.Z_IMAGE, 64),
                8,
                8,
                4,
                1,
                Map.of(),
                new DitConfig(BLOCKS, 4, 16, List.of(4, 6, 6), 64, 16),
                new VaeConfig(8, List.of(1, 2, 4, 4), 2, VaeConfig.RELEASED.mean(), VaeConfig.RELEASED.deviation()));

        static final Sizes RELEASED = new Sizes(
                SigLip2Config.RELEASED,
                DinoV3Config.RELEASED,
                QwenVlConfig.RELEASED,
                Map.of(Transformer.QWEN_IMAGE, 1, Transformer.Z_IMAGE, 1),
                64,
                128,
                1024,
                64,
                Map.of(I2lModel.OUTPUT_HEAD, List.of(152064L, 3584L)),
                DitConfig.RELEASED,
                VaeConfig.RELEASED);
    }

    @FunctionalInterface
    private interface Weights {
        void write(Path file, List<Recipe> tensors, long seed) throws IOException;
    }

    private final Path models;
    private final Set<BaseModel> baseModels;
    private final Sizes sizes;
    private final Weights weights;

    private SampleModels(Path models, Set<BaseModel> baseModels, Sizes sizes, Weights weights) {
        this.models = models;
        this.baseModels = baseModels;
        this.sizes = sizes;
        this.weights = weights;
    }

    /** Whether the checkpoints in a folder were written by this. */
    public static boolean wrote(Path models) {
        return Files.exists(models.resolve(MARKER));
    }

    /** Writes small checkpoints of all variants and of Qwen-Image below {@code models}, about 165 MB. */
    public static void write(Path models) throws IOException {
        write(models, Set.of(BaseModel.QWEN_IMAGE));
    }

    /** Writes small checkpoints of all variants for these base models below {@code models}. */
    public static void write(Path models, Set<BaseModel> baseModels) throws IOException {
        mark(
                models,
                "Small checkpoints with made-up weights, written by 'i2l sample-models'. Not the released models.");
        new SampleModels(models, baseModels, Sizes.SMALL, SyntheticWeights::write).write();
    }

    /**
     * Writes checkpoints of the released sizes below {@code models}, in 2 MB: the files have a hole where the weights are,
     * which are made up when they are read. Only this project can read them so, and a copy may fill the holes, 82 GB in all.
     */
    public static void writeReleasedSizes(Path models, Set<BaseModel> baseModels) throws IOException {
        mark(
                models,
                "Checkpoints of the released sizes without weights, written by 'i2l sample-models'. Not the released models.");
        new SampleModels(
                        models, baseModels, Sizes.RELEASED, (file, tensors, seed) -> MadeUpWeights.write(file, tensors))
                .write();
    }

    private static void mark(Path models, String text) throws IOException {
        Files.createDirectories(models);
        Files.writeString(models.resolve(MARKER), text + "\n");
    }

    private void write() throws IOException {
        Path siglip2 = models.resolve(I2lModel.SIGLIP2_PATH);
        weights.write(siglip2, recipes(sizes.siglip2.layout().shapes()), SEED);
        writeConfig(siglip2, sizes.siglip2.toJson());
        Path dinov3 = models.resolve(I2lModel.DINOV3_PATH);
        weights.write(dinov3, recipes(sizes.dinov3.layout().shapes()), SEED);
        writeConfig(dinov3, sizes.dinov3.toJson());
        if (baseModels.contains(BaseModel.QWEN_IMAGE)) {
            writeQwenVl();
            writeQwenImage();
        }
        for (BaseModel baseModel : baseModels) {
            writeDecoders(baseModel);
        }
    }

    private void writeQwenVl() throws IOException {
        Path qwenVl = models.resolve(I2lModel.QWEN_VL_FOLDER).resolve("model.safetensors");
        Map<String, List<Long>> qwenVlShapes =
                new TreeMap<>(sizes.qwenVl.layout().shapes());
        qwenVlShapes.putAll(sizes.unused);
        weights.write(qwenVl, recipes(qwenVlShapes), SEED);
        writeConfig(qwenVl, sizes.qwenVl.toJson());
    }

    /** What Qwen-Image has beside Qwen2.5-VL. */
    private void writeQwenImage() throws IOException {
        Path transformer = models.resolve(QwenImageRelease.QWEN_IMAGE.path(QwenImageModel.TRANSFORMER));
        weights.write(transformer, recipes(sizes.transformer.layout().shapes()), SEED);
        writeConfig(transformer, sizes.transformer.toJson());
        Path vae = models.resolve(QwenImageRelease.QWEN_IMAGE.path(QwenImageModel.VAE));
        weights.write(vae, recipes(sizes.vae.layout().shapes()), SEED);
        writeConfig(vae, sizes.vae.toJson());
        Path scheduler = models.resolve(QwenImageRelease.QWEN_IMAGE.path(QwenImageModel.SCHEDULER));
        Files.createDirectories(scheduler.getParent());
        Files.writeString(scheduler, FlowMatchConfig.RELEASED.toJson());
        SmallTokenizer.write(models.resolve(QwenImageRelease.QWEN_IMAGE.path(QwenImageModel.TOKENIZER)));
    }

    private void writeDecoders(BaseModel baseModel) throws IOException {
        for (Variant variant : baseModel.variants()) {
            DecoderLayout layout = layout(baseModel, variant.decoder().orElse(DecoderKind.STYLE));
            Map<String, List<Long>> shapes = switch (variant) {
                case STYLE -> layout.shapes(compressed(baseModel), 0);
                case COARSE -> layout.shapes(sizes.compressedWithResidual, sizes.coarseTokenSize);
                case FINE -> layout.shapes(sizes.compressedWithResidual, sizes.fineTokenSize);
                case BIAS -> Bias.shapes(layout);
            };
            weights.write(models.resolve(baseModel.path(variant)), recipes(new TreeMap<>(shapes)), seed(baseModel));
        }
    }

    /** Checkpoints of one layout must not be the same. */
    private static long seed(BaseModel baseModel) {
        return switch (baseModel) {
            case QWEN_IMAGE, Z_IMAGE -> SEED;
            case Z_IMAGE_OMNI_BASE -> SEED + 1;
        };
    }

    /** Z-Image-i2L has no other decoders, and its one compresses as theirs. */
    private int compressed(BaseModel baseModel) {
        return baseModel.variants().contains(Variant.COARSE) ? sizes.compressed : sizes.compressedWithResidual;
    }

    private DecoderLayout layout(BaseModel baseModel, DecoderKind kind) {
        Transformer transformer = baseModel.transformer();
        return DecoderLayout.of(
                kind,
                transformer,
                sizes.siglip2.hiddenSize() + sizes.dinov3.hiddenSize(),
                sizes.qwenVl.hiddenSize(),
                sizes.divisors.get(transformer));
    }

    private static void writeConfig(Path checkpoint, String json) throws IOException {
        Files.write(checkpoint.resolveSibling("config.json"), json.getBytes(StandardCharsets.UTF_8));
    }

    /** Scales that keep activations of about unit size through any number of layers. */
    private static List<Recipe> recipes(Map<String, List<Long>> shapes) {
        List<Recipe> recipes = new ArrayList<>();
        shapes.forEach((name, shape) -> recipes.add(recipe(name, shape)));
        return recipes;
    }

    static Recipe recipe(String name, List<Long> shape) {
        if (name.endsWith(".gamma")) {
            return new Recipe(name, shape, 0.1f, 1);
        }
        if (shape.size() == 1) {
            boolean gain = (name.contains("norm") && name.endsWith("weight")) || name.contains("lambda");
            return new Recipe(name, shape, 0.1f, gain ? 1 : 0);
        }
        long inputs = shape.stream().skip(1).reduce(1L, Math::multiplyExact);
        return new Recipe(name, shape, (float) Math.sqrt(3.0 / inputs), 0);
    }
}
