package org.i2lspark.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.encoder.DinoV3Config;
import org.i2lspark.encoder.SigLip2Config;
import org.i2lspark.safetensors.TensorLayout;
import org.i2lspark.safetensors.TensorStore;

/**
 * The checkpoints of the Style variant, found in a model folder that mirrors the hub's folders, checked against each other
 * by their headers alone.
 */
public record StyleModel(
        Checkpoint siglip2,
        SigLip2Config siglip2Config,
        Checkpoint dinov3,
        DinoV3Config dinov3Config,
        Checkpoint decoder,
        DecoderLayout decoderLayout) {
    /** Where the files lie in a model folder. */
    public static final String SIGLIP2_PATH = "DiffSynth-Studio/General-Image-Encoders/SigLIP2-G384/model.safetensors";

    public static final String DINOV3_PATH = "DiffSynth-Studio/General-Image-Encoders/DINOv3-7B/model.safetensors";
    public static final String DECODER_PATH = "DiffSynth-Studio/Qwen-Image-i2L/Qwen-Image-i2L-Style.safetensors";

    /**
     * Finds and checks the checkpoints.
     *
     * @throws IOException if one is missing, damaged, of another kind or does not fit the others, saying what was expected
     *     and what was found
     */
    public static StyleModel inspect(Path models) throws IOException {
        if (!Files.isDirectory(models)) {
            throw new NotDirectoryException(
                    models + " is not a folder; --models takes the folder that holds DiffSynth-Studio/");
        }
        Checkpoint siglip2 = Checkpoint.inspect(models.resolve(SIGLIP2_PATH));
        siglip2.requireNotAnother(ReleasedCheckpoint.SIGLIP2_G384);
        Path siglip2ConfigFile = configBeside(siglip2);
        SigLip2Config siglip2Config =
                Files.exists(siglip2ConfigFile) ? SigLip2Config.read(siglip2ConfigFile) : SigLip2Config.RELEASED;
        requireLayout("SigLIP2", siglip2, siglip2Config.layout());

        Checkpoint dinov3 = Checkpoint.inspect(models.resolve(DINOV3_PATH));
        dinov3.requireNotAnother(ReleasedCheckpoint.DINOV3_7B);
        Path dinov3ConfigFile = configBeside(dinov3);
        DinoV3Config dinov3Config =
                Files.exists(dinov3ConfigFile) ? DinoV3Config.read(dinov3ConfigFile) : DinoV3Config.RELEASED;
        requireLayout("DINOv3", dinov3, dinov3Config.layout());

        Checkpoint decoder = Checkpoint.inspect(models.resolve(DECODER_PATH));
        decoder.requireNotAnother(ReleasedCheckpoint.I2L_STYLE);
        DecoderLayout decoderLayout;
        try (TensorStore store = decoder.open()) {
            decoderLayout = DecoderLayout.of(store);
        }
        int embedding = siglip2Config.hiddenSize() + dinov3Config.hiddenSize();
        if (decoderLayout.embeddingSize() != embedding) {
            throw new IOException(
                    "Cannot use %s: it takes embeddings of %d values, SigLIP2 and DINOv3 give %d + %d = %d"
                            .formatted(
                                    decoder.path(),
                                    decoderLayout.embeddingSize(),
                                    siglip2Config.hiddenSize(),
                                    dinov3Config.hiddenSize(),
                                    embedding));
        }
        return new StyleModel(siglip2, siglip2Config, dinov3, dinov3Config, decoder, decoderLayout);
    }

    private static Path configBeside(Checkpoint checkpoint) {
        return checkpoint.path().resolveSibling("config.json");
    }

    private static void requireLayout(String kind, Checkpoint checkpoint, TensorLayout expected) throws IOException {
        List<String> differences;
        try (TensorStore store = checkpoint.open()) {
            differences = expected.differences(TensorLayout.of(store));
        }
        if (!differences.isEmpty()) {
            Path config = configBeside(checkpoint);
            throw new IOException("Not the %s checkpoint that %s describes: %s: %s"
                    .formatted(
                            kind,
                            Files.exists(config) ? config : "the released model (there is no config.json beside it)",
                            checkpoint.path(),
                            String.join("; ", differences)));
        }
    }

    /** The checkpoints by the names under which they were released. */
    public Map<String, Checkpoint> checkpoints() {
        return new TreeMap<>(Map.of(
                ReleasedCheckpoint.SIGLIP2_G384.title(), siglip2,
                ReleasedCheckpoint.DINOV3_7B.title(), dinov3,
                ReleasedCheckpoint.I2L_STYLE.title(), decoder));
    }

    /** A line for a person: which are the released checkpoints and which are of other sizes. */
    public String description() {
        StringBuilder text = new StringBuilder();
        checkpoints()
                .forEach((title, checkpoint) -> text.append(text.isEmpty() ? "" : ", ")
                        .append(title)
                        .append(checkpoint.released().isPresent() ? " (released)" : " (not the released size)"));
        return text.toString();
    }
}
