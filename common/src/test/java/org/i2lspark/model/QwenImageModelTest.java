package org.i2lspark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.i2lspark.diffusion.DitConfig;
import org.i2lspark.lora.LoraSource;
import org.i2lspark.model.SyntheticWeights.Recipe;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is found in a model folder, and what is refused before any weight is loaded. */
class QwenImageModelTest {
    private static final String TRANSFORMER = "Qwen/Qwen-Image/transformer/";
    private static final String WEIGHTS = "diffusion_pytorch_model.safetensors";

    @TempDir
    private static Path complete;

    @TempDir
    private Path models;

    @BeforeAll
    static void write() throws IOException {
        new ReferenceCase(Path.of("src/test/resources/reference/generate-tiny")).writeModels(complete);
    }

    @BeforeEach
    void copy() throws IOException {
        try (Stream<Path> files = Files.walk(complete.resolve("Qwen"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path copy = models.resolve(complete.relativize(file));
                Files.createDirectories(copy.getParent());
                Files.copy(file, copy);
            }
        }
    }

    @Test
    void sizesAreReadFromTheConfigs() throws IOException {
        QwenImageModel model = QwenImageModel.inspect(models);
        assertThat(model.transformer().config()).isEqualTo(new DitConfig(2, 2, 8, List.of(2, 2, 4), 64, 16));
        assertThat(model.vae().config().baseWidth()).isEqualTo(8);
        assertThat(model.description())
                .isEqualTo("Qwen-Image VAE (not the released size), Qwen-Image transformer (not the released size),"
                        + " Qwen2.5-VL-7B (not the released size)");
    }

    @Test
    void anotherReleaseLiesInAFolderOfItsOwn() throws IOException {
        Path folder = models.resolve("Qwen/Qwen-Image-2512");
        Files.move(models.resolve("Qwen/Qwen-Image"), folder);
        QwenImageModel model = QwenImageModel.inspect(models, QwenImageRelease.QWEN_IMAGE_2512);
        assertThat(model.checkpoints().values())
                .hasSize(3)
                .allSatisfy(checkpoint -> assertThat(checkpoint.path()).startsWith(folder));
        assertThat(QwenImageModel.sources(QwenImageRelease.QWEN_IMAGE_2512))
                .hasSize(5)
                .allSatisfy(source -> assertThat(models.resolve(source)).isDirectory());
        assertRefused("", "Qwen/Qwen-Image/transformer/");
    }

    @Test
    void aTransformerInShardsIsFoundByItsIndex() throws IOException {
        Path folder = models.resolve(TRANSFORMER);
        Map<String, List<Long>> shapes =
                new DitConfig(2, 2, 8, List.of(2, 2, 4), 64, 16).layout().shapes();
        List<Recipe> first = new ArrayList<>();
        List<Recipe> second = new ArrayList<>();
        Map<String, String> places = new TreeMap<>();
        shapes.forEach((name, shape) -> {
            boolean isFirst = name.contains("blocks.0.");
            (isFirst ? first : second).add(new Recipe(name, shape, 1, 0));
            places.put('"' + name + '"', isFirst ? "\"1.safetensors\"" : "\"2.safetensors\"");
        });
        SyntheticWeights.write(folder.resolve("1.safetensors"), first, 1);
        SyntheticWeights.write(folder.resolve("2.safetensors"), second, 1);
        Files.writeString(
                folder.resolve(WEIGHTS + ".index.json"),
                "{\"weight_map\": " + places.toString().replace('=', ':') + "}");
        Files.delete(folder.resolve(WEIGHTS));
        assertThat(QwenImageModel.inspect(models).transformer().checkpoint().path())
                .isEqualTo(folder.resolve(WEIGHTS + ".index.json"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "transformer/diffusion_pytorch_model.safetensors",
                "text_encoder/model.safetensors",
                "vae/diffusion_pytorch_model.safetensors",
                "tokenizer/vocab.json",
                "tokenizer/merges.txt",
                "scheduler/scheduler_config.json"
            })
    void whatIsMissingIsNamed(String file) throws IOException {
        Files.delete(models.resolve("Qwen/Qwen-Image").resolve(file));
        assertThatThrownBy(() -> QwenImageModel.inspect(models))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("Qwen/Qwen-Image/" + file)
                .hasMessageEndingWith(
                        "the model folder must mirror the hub's folders, see 'Real checkpoints' in README.md");
    }

    @Test
    void aTransformerThatItsConfigDoesNotDescribeIsRefused() throws IOException {
        replace(TRANSFORMER + "config.json", "\"num_layers\":2", "\"num_layers\":3");
        assertRefused("Not the Qwen-Image transformer checkpoint that ", "32 tensors missing (transformer_blocks.2.");
    }

    @Test
    void aTransformerOfAnotherGraphIsRefused() throws IOException {
        replace(TRANSFORMER + "config.json", "\"guidance_embeds\":false", "\"guidance_embeds\":true");
        assertRefused("Invalid ", "field guidance_embeds is true (expected false, the only graph that is supported)");
    }

    @Test
    void axesThatMakeUpNoHeadAreRefused() throws IOException {
        replace(TRANSFORMER + "config.json", "[2,2,4]", "[2,2,6]");
        assertRefused(
                "Invalid ", "field axes_dims_rope is [2,2,6] (expected three even numbers that make up a head of 8)");
    }

    @Test
    void partsOfOtherSizesAreRefused() throws IOException {
        writeTransformer(new DitConfig(2, 2, 8, List.of(2, 2, 4), 48, 16));
        assertRefused("Cannot use ", "it takes embeddings of 48 values, the text encoder gives 64");
        writeTransformer(new DitConfig(2, 2, 8, List.of(2, 2, 4), 64, 8));
        assertRefused("Cannot use ", "it decodes latents of 16 channels, the transformer gives 8");
    }

    private void writeTransformer(DitConfig config) throws IOException {
        List<Recipe> recipes = new ArrayList<>();
        config.layout().shapes().forEach((name, shape) -> recipes.add(new Recipe(name, shape, 1, 0)));
        SyntheticWeights.write(models.resolve(TRANSFORMER + WEIGHTS), recipes, 1);
        Files.writeString(models.resolve(TRANSFORMER + "config.json"), config.toJson());
    }

    @Test
    void aSchedulerOfAnotherKindIsRefused() throws IOException {
        replace("Qwen/Qwen-Image/scheduler/scheduler_config.json", "exponential\"", "linear\"");
        assertRefused("Invalid ", "field time_shift_type is \"linear\" (expected exponential, ");
    }

    @Test
    void aTokenizerWithMoreTokensThanEmbeddingsIsRefused() throws IOException {
        replace("Qwen/Qwen-Image/tokenizer/added_tokens.json", "151664", "152064");
        assertRefused("Cannot use ", "its highest token is 152064, ");
    }

    private void replace(String file, String from, String to) throws IOException {
        String text = Files.readString(models.resolve(file));
        assertThat(text).contains(from);
        Files.writeString(models.resolve(file), text.replace(from, to));
    }

    private void assertRefused(String start, String part) {
        assertThatThrownBy(() -> QwenImageModel.inspect(models))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(start)
                .hasMessageContaining(part);
    }

    @Test
    void aLoraOfOtherSizesIsRefused() throws IOException {
        QwenImageModel model = QwenImageModel.inspect(models);
        assertUnfit(
                model,
                new LoraSource.Shape("transformer_blocks.2.attn.to_q", 4, 16, 16),
                "it adapts transformer_blocks.2.attn.to_q, which ");
        assertUnfit(
                model,
                new LoraSource.Shape("transformer_blocks.1.img_mlp.net.2", 4, 16, 16),
                "it is for transformer_blocks.1.img_mlp.net.2 of 16x16 weights, that of ");
        model.requireFit("fits", lora(new LoraSource.Shape("transformer_blocks.1.img_mlp.net.2", 4, 64, 16)));
    }

    @Test
    void aLoraForAnotherTransformerIsRefusedByItsName() throws IOException {
        assertUnfit(
                QwenImageModel.inspect(models),
                new LoraSource.Shape("layers.0.attention.to_q", 4, 16, 16),
                "it is for Z-Image (expected one for Qwen-Image)");
    }

    private static void assertUnfit(QwenImageModel model, LoraSource.Shape module, String problem) {
        assertThatThrownBy(() -> model.requireFit("a.safetensors", lora(module)))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("Cannot use the LoRA a.safetensors: " + problem);
    }

    private static LoraSource lora(LoraSource.Shape module) {
        return new LoraSource() {
            @Override
            public List<Shape> modules() {
                return List.of(module);
            }

            @Override
            public Factors factors(Shape shape) {
                throw new AssertionError("Nothing is to be read");
            }

            @Override
            public Map<String, String> metadata() {
                return Map.of();
            }
        };
    }
}
