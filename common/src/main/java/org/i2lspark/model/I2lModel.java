package org.i2lspark.model;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.i2lspark.decoder.Bias;
import org.i2lspark.decoder.DecoderKind;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.encoder.DinoV3Config;
import org.i2lspark.encoder.QwenVlConfig;
import org.i2lspark.encoder.SigLip2Config;
import org.i2lspark.safetensors.TensorStore;

/**
 * The checkpoints that a set of variants needs, found in a model folder that mirrors the hub's folders, and checked against
 * each other by their headers alone.
 *
 * @param encoders present when LoRAs are made from images
 * @param qwenVl present when a decoder takes hidden states
 * @param decoders in the order in which their factors are merged
 */
public record I2lModel(
        BaseModel baseModel,
        Optional<Encoders> encoders,
        Optional<Network<QwenVlConfig>> qwenVl,
        List<Decoder> decoders,
        Optional<Checkpoint> bias) {
    public static final String SIGLIP2_PATH = "DiffSynth-Studio/General-Image-Encoders/SigLIP2-G384/model.safetensors";
    public static final String DINOV3_PATH = "DiffSynth-Studio/General-Image-Encoders/DINOv3-7B/model.safetensors";
    public static final String QWEN_VL_FOLDER = "Qwen/Qwen-Image/text_encoder";

    static final String OUTPUT_HEAD = "lm_head.weight";

    /** The encoders that embed images for all decoders. */
    public record Encoders(Network<SigLip2Config> siglip2, Network<DinoV3Config> dinov3) {
        /** Values of an embedding: SigLIP2's, then DINOv3's. */
        int embeddingSize() {
            return siglip2.config().hiddenSize() + dinov3.config().hiddenSize();
        }

        private static Encoders inspect(Path models) throws IOException {
            return new Encoders(
                    Network.inspect(
                            models.resolve(SIGLIP2_PATH),
                            ReleasedCheckpoint.SIGLIP2_G384,
                            SigLip2Config::read,
                            SigLip2Config.RELEASED,
                            SigLip2Config::layout,
                            name -> true),
                    Network.inspect(
                            models.resolve(DINOV3_PATH),
                            ReleasedCheckpoint.DINOV3_7B,
                            DinoV3Config::read,
                            DinoV3Config.RELEASED,
                            DinoV3Config::layout,
                            name -> true));
        }
    }

    /** A decoder's checkpoint and sizes. */
    public record Decoder(Variant variant, Checkpoint checkpoint, DecoderLayout layout) {}

    /**
     * What these variants need of a model folder: paths of files, and of folders, which end in a slash and of which only
     * the files directly in them are needed.
     */
    public static List<String> sources(BaseModel baseModel, Set<Variant> variants, ModelInput input) {
        List<String> sources = new ArrayList<>();
        if (input == ModelInput.IMAGES) {
            sources.addAll(List.of(parent(SIGLIP2_PATH), parent(DINOV3_PATH)));
        }
        if (needHiddenStates(variants)) {
            sources.add(QWEN_VL_FOLDER + "/");
        }
        variants.stream().sorted().forEach(variant -> sources.add(baseModel.path(variant)));
        return sources;
    }

    private static String parent(String path) {
        return path.substring(0, path.lastIndexOf('/') + 1);
    }

    private static boolean needHiddenStates(Set<Variant> variants) {
        return variants.stream().flatMap(variant -> variant.decoder().stream()).anyMatch(kind -> kind.tokens() > 0);
    }

    /** Finds and checks the checkpoints that these variants need to make LoRAs from images. */
    public static I2lModel inspect(Path models, BaseModel baseModel, Set<Variant> variants) throws IOException {
        return inspect(models, baseModel, variants, ModelInput.IMAGES);
    }

    /**
     * Finds and checks the checkpoints that these variants need.
     *
     * @throws IllegalArgumentException if they need hidden states, which no embedding has
     * @throws IOException if one is missing, damaged, of another kind or does not fit the others, saying what was expected
     *     and what was found
     */
    public static I2lModel inspect(Path models, BaseModel baseModel, Set<Variant> variants, ModelInput input)
            throws IOException {
        if (input == ModelInput.EMBEDDINGS && needHiddenStates(variants)) {
            throw new IllegalArgumentException(
                    "Coarse and Fine need hidden states of Qwen2.5-VL, and embeddings are all that there is");
        }
        if (!Files.isDirectory(models)) {
            throw new FileSystemException(
                    models.toString(), null, "it is not a folder; expected the folder that holds DiffSynth-Studio/");
        }
        Optional<Encoders> encoders =
                input == ModelInput.IMAGES ? Optional.of(Encoders.inspect(models)) : Optional.empty();
        Optional<Network<QwenVlConfig>> qwenVl = Optional.empty();
        if (needHiddenStates(variants)) {
            qwenVl = Optional.of(qwenVl(models.resolve(QWEN_VL_FOLDER)));
        }
        List<Decoder> decoders = new ArrayList<>();
        for (Variant variant : variants) {
            if (variant.decoder().isPresent()) {
                Decoder decoder = decoder(models, baseModel, variant);
                requireFit(decoder, encoders, qwenVl);
                requireSameLayers(decoder, decoders);
                decoders.add(decoder);
            }
        }
        Optional<Checkpoint> bias = Optional.empty();
        if (variants.contains(Variant.BIAS)) {
            Checkpoint checkpoint = Checkpoint.inspect(models.resolve(baseModel.path(Variant.BIAS)));
            try (TensorStore store = checkpoint.open()) {
                Bias.check(store, decoders.get(0).layout());
            }
            bias = Optional.of(checkpoint);
        }
        return new I2lModel(baseModel, encoders, qwenVl, List.copyOf(decoders), bias);
    }

    /** Qwen2.5-VL of a model folder; also Qwen-Image's text encoder. */
    static Network<QwenVlConfig> qwenVl(Path folder) throws IOException {
        return Network.inspect(
                Checkpoint.wholeOrIndex(folder.resolve("model.safetensors")),
                ReleasedCheckpoint.QWEN2_5_VL_7B,
                QwenVlConfig::read,
                QwenVlConfig.RELEASED,
                QwenVlConfig::layout,
                name -> !name.equals(OUTPUT_HEAD));
    }

    private static Decoder decoder(Path models, BaseModel baseModel, Variant variant) throws IOException {
        Checkpoint checkpoint = Checkpoint.inspect(models.resolve(baseModel.path(variant)));
        checkpoint.requireNotAnother(baseModel.released(variant));
        try (TensorStore store = checkpoint.open()) {
            DecoderKind kind = variant.decoder().orElseThrow();
            return new Decoder(variant, checkpoint, DecoderLayout.of(store, kind, baseModel.transformer()));
        }
    }

    private static void requireFit(Decoder decoder, Optional<Encoders> encoders, Optional<Network<QwenVlConfig>> qwenVl)
            throws IOException {
        if (encoders.isPresent()
                && decoder.layout.embeddingSize() != encoders.get().embeddingSize()) {
            int siglip2Size = encoders.get().siglip2.config().hiddenSize();
            int dinov3Size = encoders.get().dinov3.config().hiddenSize();
            throw new IOException(
                    "Cannot use %s: it takes embeddings of %d values, SigLIP2 and DINOv3 give %d + %d = %d"
                            .formatted(
                                    decoder.checkpoint.path(),
                                    decoder.layout.embeddingSize(),
                                    siglip2Size,
                                    dinov3Size,
                                    siglip2Size + dinov3Size));
        }
        DecoderKind kind = decoder.layout.kind();
        if (kind.tokens() > 0) {
            int hiddenSize = qwenVl.orElseThrow().config().hiddenSize();
            if (decoder.layout.tokenSize() != hiddenSize) {
                throw new IOException("Cannot use %s: it takes hidden states of %d values, Qwen2.5-VL gives %d"
                        .formatted(decoder.checkpoint.path(), decoder.layout.tokenSize(), hiddenSize));
            }
        }
    }

    private static void requireSameLayers(Decoder decoder, List<Decoder> others) throws IOException {
        for (Decoder other : others) {
            if (!decoder.layout.modules().equals(other.layout.modules())) {
                throw new IOException("Cannot use %s with %s: they adapt layers of different sizes or numbers"
                        .formatted(decoder.checkpoint.path(), other.checkpoint.path()));
            }
        }
    }

    /** The names under which the encoders of embeddings were released. */
    public static Set<String> encoderTitles() {
        return Set.of(ReleasedCheckpoint.SIGLIP2_G384.title(), ReleasedCheckpoint.DINOV3_7B.title());
    }

    /** The checkpoints by the names under which they were released. */
    public Map<String, Checkpoint> checkpoints() {
        Map<String, Checkpoint> all = new TreeMap<>();
        encoders.ifPresent(both -> {
            all.put(ReleasedCheckpoint.SIGLIP2_G384.title(), both.siglip2.checkpoint());
            all.put(ReleasedCheckpoint.DINOV3_7B.title(), both.dinov3.checkpoint());
        });
        qwenVl.ifPresent(encoder -> all.put(ReleasedCheckpoint.QWEN2_5_VL_7B.title(), encoder.checkpoint()));
        decoders.forEach(decoder -> all.put(baseModel.title(decoder.variant), decoder.checkpoint));
        bias.ifPresent(checkpoint -> all.put(baseModel.title(Variant.BIAS), checkpoint));
        return all;
    }

    /** By the same names {@code layout fingerprint:content fingerprint}. */
    public Map<String, String> fingerprints() {
        return Checkpoint.fingerprints(checkpoints());
    }

    /** A line for a person: which are the released checkpoints and which are of other sizes. */
    public String description() {
        return checkpoints().entrySet().stream()
                .map(entry -> entry.getKey() + kind(entry.getKey(), entry.getValue()))
                .collect(Collectors.joining(", "));
    }

    private String kind(String title, Checkpoint checkpoint) {
        // a Bias is of the size of the others
        boolean isBias = bias.isPresent() && title.equals(baseModel.title(Variant.BIAS));
        return isBias && checkpoint.origin() == Checkpoint.Origin.FILE ? "" : " (%s)".formatted(checkpoint.kind());
    }
}
