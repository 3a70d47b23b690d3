package org.i2lspark.model;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.i2lspark.diffusion.DitConfig;
import org.i2lspark.diffusion.FlowMatchConfig;
import org.i2lspark.diffusion.VaeConfig;
import org.i2lspark.encoder.QwenVlConfig;
import org.i2lspark.lora.LoraSource;
import org.i2lspark.lora.Transformer;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.tokenizer.PromptTemplate;
import org.i2lspark.tokenizer.QwenTokenizer;

/**
 * Qwen-Image, found in a model folder that mirrors the hub's folders, and checked by the headers of its checkpoints alone.
 *
 * @param textEncoder of which the language model is used
 * @param scheduler the noise levels that it was trained for
 * @param prompts its prompt template, in the tokens of its tokenizer
 */
public record QwenImageModel(
        Network<DitConfig> transformer,
        Network<QwenVlConfig> textEncoder,
        Network<VaeConfig> vae,
        FlowMatchConfig scheduler,
        PromptTemplate prompts) {
    static final String TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors";
    static final String VAE = "vae/diffusion_pytorch_model.safetensors";
    static final String SCHEDULER = "scheduler/scheduler_config.json";
    static final String TOKENIZER = "tokenizer";

    /**
     * What is needed of a model folder: folders, which end in a slash and of which only the files directly in them are needed.
     */
    public static List<String> sources(QwenImageRelease release) {
        return Stream.of("scheduler/", "text_encoder/", "tokenizer/", "transformer/", "vae/")
                .map(release::path)
                .toList();
    }

    /**
     * Finds and checks the files of the first release.
     *
     * @throws IOException as for another
     */
    public static QwenImageModel inspect(Path models) throws IOException {
        return inspect(models, QwenImageRelease.QWEN_IMAGE);
    }

    /**
     * Finds and checks a release's files.
     *
     * @throws IOException if one is missing, damaged, of another kind or does not fit the others, saying what was expected
     *     and what was found
     */
    public static QwenImageModel inspect(Path models, QwenImageRelease release) throws IOException {
        if (!Files.isDirectory(models)) {
            throw new FileSystemException(
                    models.toString(), null, "it is not a folder; expected the folder that holds Qwen/");
        }
        Network<DitConfig> transformer = Network.inspect(
                Checkpoint.wholeOrIndex(models.resolve(release.path(TRANSFORMER))),
                ReleasedCheckpoint.QWEN_IMAGE_TRANSFORMER,
                DitConfig::read,
                DitConfig.RELEASED,
                DitConfig::layout,
                name -> true);
        Network<VaeConfig> vae = Network.inspect(
                models.resolve(release.path(VAE)),
                ReleasedCheckpoint.QWEN_IMAGE_VAE,
                VaeConfig::read,
                VaeConfig.RELEASED,
                VaeConfig::layout,
                VaeConfig::isUsed);
        Network<QwenVlConfig> textEncoder = I2lModel.qwenVl(models.resolve(release.path("text_encoder")));
        requireFit(transformer, textEncoder, vae);
        FlowMatchConfig scheduler = scheduler(models.resolve(release.path(SCHEDULER)));
        Path tokenizerFolder = models.resolve(release.path(TOKENIZER));
        QwenTokenizer tokenizer = QwenTokenizer.load(tokenizerFolder);
        if (tokenizer.size() > textEncoder.config().vocabulary()) {
            throw new IOException("Cannot use %s: its highest token is %d, %s has embeddings for %d"
                    .formatted(
                            tokenizerFolder,
                            tokenizer.size() - 1,
                            textEncoder.checkpoint().path(),
                            textEncoder.config().vocabulary()));
        }
        return new QwenImageModel(transformer, textEncoder, vae, scheduler, new PromptTemplate(tokenizer));
    }

    private static FlowMatchConfig scheduler(Path path) throws IOException {
        if (!Files.isRegularFile(path)) {
            throw new NoSuchFileException(
                    path.toString(),
                    null,
                    "scheduler missing; the model folder must mirror the hub's folders, see 'Real checkpoints' in README.md");
        }
        return FlowMatchConfig.read(path);
    }

    private static void requireFit(
            Network<DitConfig> transformer, Network<QwenVlConfig> textEncoder, Network<VaeConfig> vae)
            throws IOException {
        int textSize = transformer.config().textSize();
        if (textSize != textEncoder.config().hiddenSize()) {
            throw new IOException("Cannot use %s: it takes embeddings of %d values, the text encoder gives %d"
                    .formatted(
                            transformer.checkpoint().path(),
                            textSize,
                            textEncoder.config().hiddenSize()));
        }
        int channels = transformer.config().latentChannels();
        if (channels != vae.config().latentChannels()) {
            throw new IOException("Cannot use %s: it decodes latents of %d channels, the transformer gives %d"
                    .formatted(vae.checkpoint().path(), vae.config().latentChannels(), channels));
        }
    }

    /**
     * Refuses a LoRA that is for another transformer, or one of other sizes.
     *
     * @param name of the LoRA, for the message
     * @throws IOException saying which it is for, or which layer does not fit
     */
    public void requireFit(String name, LoraSource lora) throws IOException {
        if (lora.transformer() != Transformer.QWEN_IMAGE) {
            throw new IOException("Cannot use the LoRA %s: it is for %s (expected one for %s)"
                    .formatted(name, lora.transformer(), Transformer.QWEN_IMAGE));
        }
        Map<String, List<Long>> linears = transformer.config().linears();
        for (LoraSource.Shape module : lora.modules()) {
            List<Long> layer = linears.get(module.name());
            if (layer == null) {
                throw new IOException("Cannot use the LoRA %s: it adapts %s, which %s, of %d blocks, does not have"
                        .formatted(
                                name,
                                module.name(),
                                transformer.checkpoint().path(),
                                transformer.config().layers()));
            }
            List<Long> shape = List.of((long) module.out(), (long) module.in());
            if (!layer.equals(shape)) {
                throw new IOException("Cannot use the LoRA %s: it is for %s of %s weights, that of %s has %s"
                        .formatted(
                                name,
                                module.name(),
                                TensorInfo.shapeText(shape),
                                transformer.checkpoint().path(),
                                TensorInfo.shapeText(layer)));
            }
        }
    }

    /** The checkpoints by the names under which they were released. */
    public Map<String, Checkpoint> checkpoints() {
        return new TreeMap<>(Map.of(
                ReleasedCheckpoint.QWEN_IMAGE_TRANSFORMER.title(), transformer.checkpoint(),
                ReleasedCheckpoint.QWEN2_5_VL_7B.title(), textEncoder.checkpoint(),
                ReleasedCheckpoint.QWEN_IMAGE_VAE.title(), vae.checkpoint()));
    }

    /** By the same names {@code layout fingerprint:content fingerprint}. */
    public Map<String, String> fingerprints() {
        return Checkpoint.fingerprints(checkpoints());
    }

    /** A line for a person: which are the released checkpoints and which are of other sizes. */
    public String description() {
        return checkpoints().entrySet().stream()
                .map(entry ->
                        "%s (%s)".formatted(entry.getKey(), entry.getValue().kind()))
                .collect(Collectors.joining(", "));
    }
}
