package org.i2lspark.diffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.i2lspark.encoder.PromptEmbedding;
import org.i2lspark.encoder.PromptEncoder;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.model.QwenImageModel;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.ReferenceCase.FloatTensor;
import org.i2lspark.torch.BlockWeights.Placement;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Each network of Qwen-Image against what diffusers computes from the same weights and inputs. */
class QwenImageNetworksTest {
    private static final ReferenceCase REFERENCE = ReferenceCase.generate();
    /** Of a forward pass; the values are of about unit size. */
    private static final float TOLERANCE = 2e-5f;

    @TempDir
    private static Path models;

    private static QwenImageModel model;
    private static JsonNode description;
    private static Map<String, FloatTensor> expected;

    private final TensorScope scope = new TensorScope();

    @BeforeAll
    static void load() throws IOException {
        model = QwenImageModel.inspect(REFERENCE.writeModels(models));
        description = REFERENCE.caseFile();
        expected = REFERENCE.tensors("tensors.safetensors");
    }

    @AfterEach
    void free() {
        scope.close();
    }

    @ParameterizedTest
    @EnumSource(Placement.class)
    void promptEmbeddingsAreThoseOfTheReferenceBitByBit(Placement placement) throws IOException {
        try (PromptEncoder encoder = PromptEncoder.load(
                model.textEncoder().checkpoint()::open,
                model.textEncoder().config(),
                ElementType.FLOAT32,
                TorchDevice.CPU,
                placement)) {
            for (String side : List.of("prompt", "negative_prompt")) {
                List<Integer> ids = new ArrayList<>();
                description.get(side + "_ids").forEach(id -> ids.add(id.asInt()));
                assertThat(model.prompts().encode(description.get(side).asText()))
                        .isEqualTo(ids);
                PromptEmbedding embedding =
                        encoder.encode(ids, description.get("drop").asInt());
                assertThat(embedding.values())
                        .isEqualTo(expected.get(side + "_embeds").values());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"noise, FLOAT32, noise_seed", "noise_bf16, BFLOAT16, noise_seed"})
    void noiseIsThatOfTheReferenceBitByBit(String name, ElementType type, String seed) {
        List<Long> shape = expected.get(name).shape();
        Tensor noise = FlowMatch.noise(
                scope,
                Math.toIntExact(shape.get(1)),
                Math.toIntExact(shape.get(2) / 2),
                Math.toIntExact(shape.get(3) / 2),
                description.get(seed).asLong(),
                type);
        assertThat(floats(noise)).isEqualTo(expected.get(name).values());
        if (type == ElementType.FLOAT32) {
            Tensor tokens = FlowMatch.pack(scope, noise, TorchDevice.CPU);
            assertThat(floats(tokens)).isEqualTo(expected.get("latents_0").values());
            Tensor unpacked = FlowMatch.unpack(
                    scope, tokens, Math.toIntExact(shape.get(2) / 2), Math.toIntExact(shape.get(3) / 2));
            assertThat(floats(unpacked)).isEqualTo(floats(noise));
        }
    }

    @Test
    void noiseLevelsAreThoseOfTheReferenceBitByBit() {
        for (JsonNode schedule : description.get("schedules")) {
            String name = schedule.get("sigmas").asText();
            FlowMatchConfig config =
                    schedule.get("scheduler").asText().equals("qwen") ? model.scheduler() : FlowMatchConfig.LIGHTNING;
            float[] sigmas = config.sigmas(
                    schedule.get("steps").asInt(), schedule.get("image_tokens").asInt());
            assertThat(sigmas).as(name).isEqualTo(expected.get(name).values());
        }
    }

    @ParameterizedTest
    @EnumSource(Placement.class)
    void velocitiesAgreeWithTheReference(Placement placement) throws IOException {
        try (DiffusionTransformer transformer = transformer(ElementType.FLOAT32, placement)) {
            assertClose(forward(transformer, "forward", "prompt"), values("forward.cond"), TOLERANCE, "conditional");
            assertClose(
                    forward(transformer, "forward", "negative_prompt"),
                    values("forward.uncond"),
                    TOLERANCE,
                    "unconditional");
            assertClose(forward(transformer, "other", "prompt"), values("other.cond"), TOLERANCE, "of another size");
        }
    }

    @Test
    void inBfloat16VelocitiesPointWhereTheReferencesDo() throws IOException {
        try (DiffusionTransformer transformer = transformer(ElementType.BFLOAT16, Placement.RESIDENT)) {
            assertThat(cosine(forward(transformer, "forward", "prompt"), values("forward.cond")))
                    .isGreaterThan(0.9995);
            assertThat(cosine(forward(transformer, "forward", "negative_prompt"), values("forward.uncond")))
                    .isGreaterThan(0.9995);
            assertThat(cosine(forward(transformer, "other", "prompt"), values("other.cond")))
                    .isGreaterThan(0.9995);
        }
    }

    @Test
    void nothingIsLeftOfLorasThatWereFused() throws IOException {
        JsonNode forward = description.get("forward");
        Conditioning plain = conditioning("prompt");
        Tensor noise = tokens("latents_0");
        try (DiffusionTransformer transformer = transformer(ElementType.BFLOAT16, Placement.RESIDENT, LoraWay.FUSED);
                LoraFile lora = LoraFile.open(models.resolve("loras/style.safetensors"))) {
            Conditioning styled =
                    new Conditioning(plain.prompt(), List.of(new WeightedLora("style.safetensors", lora, 1)));
            float[] before = forward(transformer, "forward", "prompt");
            float[] with;
            try (Denoising denoising = start(transformer, List.of(styled), forward)) {
                with = floats(denoising.velocities(scope, 0, List.of(noise)).get(0));
            }
            assertThat(with).isNotEqualTo(before);
            assertThat(forward(transformer, "forward", "prompt")).isEqualTo(before);
        }
    }

    @Test
    void lorasAreNotFusedIntoWeightsThatPassThrough() {
        assertThatThrownBy(() -> transformer(ElementType.BFLOAT16, Placement.STREAMED, LoraWay.FUSED))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("Invalid LoRA way: FUSED (expected BESIDE for streamed weights)");
    }

    @Test
    void imagesOfABatchDoNotKnowOfEachOther() throws IOException {
        JsonNode forward = description.get("forward");
        try (DiffusionTransformer transformer = transformer(ElementType.FLOAT32, Placement.RESIDENT)) {
            List<Conditioning> conditionings =
                    List.of(conditioning("prompt"), conditioning("negative_prompt"), conditioning("prompt"));
            Tensor noise = tokens("latents_0");
            try (Denoising denoising = start(transformer, conditionings, forward)) {
                List<Tensor> velocities = denoising.velocities(scope, 0, List.of(noise, noise, noise));
                assertClose(floats(velocities.get(0)), values("forward.cond"), TOLERANCE, "first");
                assertClose(floats(velocities.get(1)), values("forward.uncond"), TOLERANCE, "second");
                assertClose(floats(velocities.get(2)), values("forward.cond"), TOLERANCE, "third");
            }
        }
    }

    private static DiffusionTransformer transformer(ElementType precision, Placement placement) throws IOException {
        return transformer(precision, placement, LoraWay.BESIDE);
    }

    private static DiffusionTransformer transformer(ElementType precision, Placement placement, LoraWay loraWay)
            throws IOException {
        return DiffusionTransformer.load(
                model.transformer().checkpoint()::open,
                model.transformer().config(),
                precision,
                TorchDevice.CPU,
                placement,
                loraWay);
    }

    private float[] forward(DiffusionTransformer transformer, String size, String prompt) throws IOException {
        try (Denoising denoising = start(transformer, List.of(conditioning(prompt)), description.get(size))) {
            String latents = size.equals("forward") ? "latents_0" : size + ".latents";
            return floats(
                    denoising.velocities(scope, 0, List.of(tokens(latents))).get(0));
        }
    }

    private static Denoising start(DiffusionTransformer transformer, List<Conditioning> conditionings, JsonNode size)
            throws IOException {
        return transformer.start(
                conditionings,
                size.get("height").asInt() / 16,
                size.get("width").asInt() / 16,
                new float[] {(float) size.get("timestep").asDouble()});
    }

    private static Conditioning conditioning(String prompt) {
        FloatTensor embeddings = expected.get(prompt + "_embeds");
        return new Conditioning(
                new PromptEmbedding(Math.toIntExact(embeddings.shape().get(1)), embeddings.values()), List.of());
    }

    private Tensor tokens(String name) {
        FloatTensor packed = expected.get(name);
        return Tensors.ofFloats(scope, packed.values(), packed.shape().subList(1, 3));
    }

    @ParameterizedTest
    @CsvSource({"FLOAT32, 120", "BFLOAT16, 45"})
    void decodedPixelsAgreeWithTheReference(ElementType precision, double leastDecibels) throws IOException {
        FloatTensor steps = expected.get("latents.plain");
        int size = steps.values().length / Math.toIntExact(steps.shape().get(0));
        float[] last = Arrays.copyOfRange(steps.values(), steps.values().length - size, steps.values().length);
        Tensor tokens = Tensors.ofFloats(scope, last, steps.shape().subList(1, 3));
        Tensor latents = FlowMatch.unpack(
                scope,
                tokens,
                description.get("height").asInt() / 16,
                description.get("width").asInt() / 16);
        try (VaeDecoder decoder =
                VaeDecoder.load(model.vae().checkpoint()::open, model.vae().config(), precision, TorchDevice.CPU)) {
            float[] pixels = floats(decoder.pixels(scope, latents));
            float[] wanted = values("vae.image");
            double squares = 0;
            for (int i = 0; i < wanted.length; i++) {
                squares += Math.pow(pixels[i] - wanted[i], 2);
            }
            // of a range of 2
            assertThat(10 * Math.log10(4 * wanted.length / squares)).isGreaterThan(leastDecibels);
        }
    }

    private static float[] values(String name) {
        return expected.get(name).values();
    }

    private static float[] floats(Tensor tensor) {
        FloatBuffer buffer = tensor.memory().asFloatBuffer();
        float[] floats = new float[buffer.remaining()];
        buffer.get(floats);
        return floats;
    }

    private static void assertClose(float[] actual, float[] wanted, float tolerance, String name) {
        assertThat(actual).as(name).hasSameSizeAs(wanted);
        float worst = 0;
        for (int i = 0; i < wanted.length; i++) {
            worst = Math.max(worst, Math.abs(actual[i] - wanted[i]));
        }
        assertThat(worst).as(name).isLessThanOrEqualTo(tolerance);
    }

    private static double cosine(float[] a, float[] b) {
        double product = 0;
        double squaresOfA = 0;
        double squaresOfB = 0;
        for (int i = 0; i < a.length; i++) {
            product += (double) a[i] * b[i];
            squaresOfA += (double) a[i] * a[i];
            squaresOfB += (double) b[i] * b[i];
        }
        return product / Math.sqrt(squaresOfA * squaresOfB);
    }
}
