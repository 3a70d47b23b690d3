package org.i2lspark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.i2lspark.MemoryPlan.Way;
import org.i2lspark.Sampling.GuidanceRescaling;
import org.i2lspark.Sampling.LoraScope;
import org.i2lspark.Sampling.Scheduler;
import org.i2lspark.diffusion.DiffusionTransformer;
import org.i2lspark.diffusion.LoraWay;
import org.i2lspark.encoder.PromptEmbedding;
import org.i2lspark.image.RgbImage;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.model.QwenImageModel;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.ReferenceCase.FloatTensor;
import org.i2lspark.model.SampleModels;
import org.i2lspark.torch.BlockWeights.Placement;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Images and what leads to them against what diffusers makes from the same weights, prompts and LoRAs. */
class TextToImageTest {
    private static final ReferenceCase REFERENCE = ReferenceCase.generate();

    /** By name, open while there are tests. */
    private static final Map<String, LoraFile> LORAS = new HashMap<>();

    @TempDir
    private static Path models;

    private static QwenImageModel model;
    private static TextToImage textToImage;
    private static DiffusionTransformer transformer;
    private static JsonNode description;
    private static Map<String, FloatTensor> expected;

    @BeforeAll
    static void load() throws IOException {
        model = QwenImageModel.inspect(REFERENCE.writeModels(models));
        textToImage = TextToImage.load(model, ElementType.FLOAT32, TorchDevice.CPU);
        transformer = transformer(ElementType.FLOAT32, LoraWay.BESIDE);
        description = REFERENCE.caseFile();
        expected = REFERENCE.tensors("tensors.safetensors");
    }

    private static DiffusionTransformer transformer(ElementType precision, LoraWay way) throws IOException {
        return DiffusionTransformer.load(
                model.transformer().checkpoint()::open,
                model.transformer().config(),
                precision,
                TorchDevice.CPU,
                Placement.RESIDENT,
                way);
    }

    @AfterAll
    static void close() throws IOException {
        textToImage.close();
        transformer.close();
        for (LoraFile file : LORAS.values()) {
            file.close();
        }
    }

    static Stream<String> runs() throws IOException {
        return StreamSupport.stream(REFERENCE.caseFile().get("runs").spliterator(), false)
                .map(run -> run.get("name").asText());
    }

    private static JsonNode run(String name) {
        for (JsonNode run : description.get("runs")) {
            if (run.get("name").asText().equals(name)) {
                return run;
            }
        }
        throw new AssertionError("No run " + name);
    }

    private static Sampling sampling(JsonNode run) {
        return new Sampling(
                description.get("width").asInt(),
                description.get("height").asInt(),
                run.get("steps").asInt(),
                run.get("true_cfg_scale").asDouble(),
                run.get("cfg_rescale").asBoolean() ? GuidanceRescaling.TO_CONDITIONAL : GuidanceRescaling.NONE,
                run.get("scheduler").asText().equals("lightning") ? Scheduler.LIGHTNING : Scheduler.QWEN,
                run.get("positive_only").asBoolean() ? LoraScope.POSITIVE_ONLY : LoraScope.BOTH,
                ElementType.FLOAT32);
    }

    private static List<WeightedLora> loras(JsonNode run) throws IOException {
        List<WeightedLora> loras = new ArrayList<>();
        for (JsonNode lora : run.get("loras")) {
            String name = lora.get("file").asText();
            Path file = Files.exists(REFERENCE.file(name)) ? REFERENCE.file(name) : models.resolve(name);
            loras.add(new WeightedLora(
                    name, lora(name, file), lora.get("strength").asDouble()));
        }
        return loras;
    }

    private static LoraFile lora(String name, Path path) throws IOException {
        LoraFile file = LORAS.get(name);
        if (file == null) {
            file = LoraFile.open(path);
            LORAS.put(name, file);
        }
        return file;
    }

    private static ImageRequest request(List<WeightedLora> loras) {
        return new ImageRequest(
                description.get("prompt").asText(),
                Optional.of(description.get("negative_prompt").asText()),
                description.get("noise_seed").asLong(),
                loras);
    }

    @ParameterizedTest
    @MethodSource("runs")
    void latentsAgreeWithTheReferenceAfterEachStep(String name) throws IOException {
        JsonNode run = run(name);
        float[] wanted = expected.get("latents." + name).values();
        int steps = run.get("steps").asInt();
        int size = wanted.length / steps;
        List<Float> worst = new ArrayList<>();
        sample(transformer, run, (done, latents) -> {
            FloatBuffer values = latents.get(0).memory().asFloatBuffer();
            float difference = 0;
            for (int i = 0; i < size; i++) {
                difference = Math.max(difference, Math.abs(values.get(i) - wanted[(done - 1) * size + i]));
            }
            worst.add(difference);
        });
        assertThat(worst).hasSize(steps).allSatisfy(step -> assertThat(step).isLessThan(1e-4f));
    }

    private static void sample(DiffusionTransformer transformer, JsonNode run, Sampler.Observer observer)
            throws IOException {
        Sampling sampling = sampling(run);
        float[] sigmas = sampling.scheduler()
                .levels(model.scheduler())
                .sigmas(sampling.steps(), sampling.rows() * sampling.columns());
        try (TensorScope scope = new TensorScope()) {
            Sampler.Image image = new Sampler.Image(
                    embedding("prompt_embeds"),
                    embedding("negative_prompt_embeds"),
                    description.get("noise_seed").asLong(),
                    loras(run));
            new Sampler(transformer, sampling, sigmas, TorchDevice.CPU)
                    .sample(scope, List.of(image), model.transformer().config().latentChannels(), observer);
        }
    }

    private static PromptEmbedding embedding(String name) {
        FloatTensor values = expected.get(name);
        return new PromptEmbedding(Math.toIntExact(values.shape().get(1)), values.values());
    }

    @ParameterizedTest
    @MethodSource("runs")
    void imagesAgreeWithTheReference(String name) throws IOException {
        JsonNode run = run(name);
        List<Integer> steps = new ArrayList<>();
        RgbImage image = textToImage
                .generate(List.of(request(loras(run))), sampling(run), (done, all) -> steps.add(done))
                .get(0);
        assertSame(image, REFERENCE.image("image_" + name + ".png"));
        assertThat(steps).hasSize(run.get("steps").asInt()).isSorted();
    }

    private static void assertSame(RgbImage actual, RgbImage wanted) {
        assertThat(actual.width()).isEqualTo(wanted.width());
        assertThat(actual.height()).isEqualTo(wanted.height());
        int equal = 0;
        int worst = 0;
        for (int i = 0; i < wanted.pixels().length; i++) {
            int difference = Math.abs((actual.pixels()[i] & 0xFF) - (wanted.pixels()[i] & 0xFF));
            equal += difference == 0 ? 1 : 0;
            worst = Math.max(worst, difference);
        }
        assertThat(worst).isLessThanOrEqualTo(1);
        assertThat((double) equal / wanted.pixels().length).isGreaterThanOrEqualTo(0.999);
    }

    @Test
    void imagesThatAreMadeTogetherEachHaveTheirOwnLoras() throws IOException {
        List<String> names = List.of("cfg", "style", "style_half", "stacked", "i2l");
        List<ImageRequest> requests = new ArrayList<>();
        for (String name : names) {
            requests.add(request(loras(run(name))));
        }
        List<RgbImage> images = textToImage.generate(requests, sampling(run("cfg")), (done, all) -> {});
        for (int i = 0; i < names.size(); i++) {
            assertSame(images.get(i), REFERENCE.image("image_" + names.get(i) + ".png"));
        }
    }

    @Test
    void lorasThatAreFusedMakeTheImagesOfTheReference() throws IOException {
        ImageMemoryPlan plan = new ImageMemoryPlan(Way.TOGETHER, Set.of(), LoraWay.FUSED, 0);
        try (TextToImage fusing = TextToImage.load(model, ElementType.FLOAT32, TorchDevice.CPU, plan)) {
            for (String name : List.of("style", "style_positive_only")) {
                List<ImageRequest> requests = List.of(request(loras(run(name))));
                List<RgbImage> images = fusing.generate(requests, sampling(run(name)), (done, all) -> {});
                assertSame(images.get(0), REFERENCE.image("image_" + name + ".png"));
            }
            // one LoRA in common, which is fused, and another of one image alone
            List<ImageRequest> requests = List.of(request(loras(run("stacked"))), request(loras(run("style"))));
            List<RgbImage> images = fusing.generate(requests, sampling(run("cfg")), (done, all) -> {});
            assertSame(images.get(0), REFERENCE.image("image_stacked.png"));
            assertSame(images.get(1), REFERENCE.image("image_style.png"));
        }
    }

    @ParameterizedTest
    @EnumSource(LoraWay.class)
    void inBfloat16LorasLeadWhereTheReferencesDo(LoraWay way) throws IOException {
        JsonNode run = run("style_no_cfg");
        float[] noise = expected.get("latents_0").values();
        float[] latents = new float[noise.length];
        try (DiffusionTransformer rounded = transformer(ElementType.BFLOAT16, way)) {
            sample(rounded, run, (done, places) -> {
                if (done == 1) {
                    places.get(0).memory().asFloatBuffer().get(latents);
                }
            });
        }
        float[] wanted = Arrays.copyOf(expected.get("latents.style_no_cfg").values(), noise.length);
        assertThat(cosine(difference(latents, noise), difference(wanted, noise)))
                .isGreaterThan(0.9995);
    }

    private static float[] difference(float[] a, float[] b) {
        float[] difference = new float[a.length];
        for (int i = 0; i < a.length; i++) {
            difference[i] = a[i] - b[i];
        }
        return difference;
    }

    private static double cosine(float[] a, float[] b) {
        return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
    }

    private static double product(float[] a, float[] b) {
        double product = 0;
        for (int i = 0; i < a.length; i++) {
            product += (double) a[i] * b[i];
        }
        return product;
    }

    @Test
    void theSameLoraTwiceIsItAtTwiceTheStrength() throws IOException {
        WeightedLora half = loras(run("style_half")).get(0);
        RgbImage image = textToImage
                .generate(List.of(request(List.of(half, half))), sampling(run("style")), (done, all) -> {})
                .get(0);
        assertSame(image, REFERENCE.image("image_style.png"));
    }

    @Test
    void seedAndPromptDecideUponTheImage() throws IOException {
        Sampling sampling = sampling(run("plain"));
        List<RgbImage> images = textToImage.generate(
                List.of(
                        new ImageRequest("a cat", Optional.empty(), 1, List.of()),
                        new ImageRequest("a cat", Optional.empty(), 2, List.of()),
                        new ImageRequest("", Optional.empty(), 1, List.of()),
                        new ImageRequest("a cat", Optional.empty(), 1, List.of())),
                sampling,
                (done, all) -> {});
        // sums may be rounded otherwise at another place of a batch
        assertSame(images.get(0), images.get(3));
        assertThat(images.get(0).pixels())
                .isNotEqualTo(images.get(1).pixels())
                .isNotEqualTo(images.get(2).pixels());
    }

    @Test
    void sampleModelsMakeAnImage(@TempDir Path samples) throws IOException {
        SampleModels.write(samples);
        try (TextToImage small =
                TextToImage.load(QwenImageModel.inspect(samples), ElementType.BFLOAT16, TorchDevice.CPU)) {
            ImageRequest request = new ImageRequest("a cat, 一只猫", Optional.empty(), 7, List.of());
            Sampling sampling = new Sampling(
                    64,
                    32,
                    2,
                    4,
                    GuidanceRescaling.TO_CONDITIONAL,
                    Scheduler.QWEN,
                    LoraScope.BOTH,
                    ElementType.BFLOAT16);
            RgbImage image = small.generate(List.of(request), sampling, (done, all) -> {})
                    .get(0);
            assertThat(image.width()).isEqualTo(64);
            assertThat(image.height()).isEqualTo(32);
            Set<Byte> values = new HashSet<>();
            for (byte value : image.pixels()) {
                values.add(value);
            }
            assertThat(values).hasSizeGreaterThan(32);
        }
    }

    @Test
    void aLoraForAnotherTransformerIsRefused() throws IOException {
        Path wide = Path.of("src/test/resources/loras/lightning-names.safetensors");
        List<WeightedLora> loras = List.of(new WeightedLora("wide.safetensors", lora("wide", wide), 1));
        assertThatThrownBy(
                        () -> textToImage.generate(List.of(request(loras)), sampling(run("plain")), (done, all) -> {}))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("Cannot use the LoRA wide.safetensors: it is for transformer_blocks.0.");
    }
}
