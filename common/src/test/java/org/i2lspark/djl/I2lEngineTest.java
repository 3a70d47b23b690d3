package org.i2lspark.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.inference.Predictor;
import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.modality.cv.Image;
import ai.djl.modality.cv.ImageFactory;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.loss.Loss;
import ai.djl.translate.NoopTranslator;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.assertj.core.data.Offset;
import org.i2lspark.image.RgbImage;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.ReferenceCase.FloatTensor;
import org.i2lspark.torch.NativeMemoryProbe;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The stack as DJL loads it. */
class I2lEngineTest {
    private static final ReferenceCase REFERENCE = ReferenceCase.tiny();
    private static final Path IMAGES = Path.of("src/test/resources/reference/tiny/images");
    private static final byte[] TEXT = {'t', 'e', 'x', 't'};

    @TempDir
    private static Path models;

    private static List<byte[]> files;

    @TempDir
    private Path folder;

    @BeforeAll
    static void writeModels() throws IOException {
        REFERENCE.writeModels(models);
        files = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            files.add(Files.readAllBytes(IMAGES.resolve(i + ".png")));
        }
    }

    private static <I, O> ZooModel<I, O> load(Class<I> input, Class<O> output, String... arguments) throws Exception {
        Criteria.Builder<I, O> criteria = Criteria.builder()
                .setTypes(input, output)
                .optEngine("I2L")
                .optModelUrls(models.toUri().toString())
                .optTranslatorFactory(new I2lTranslatorFactory());
        for (String argument : arguments) {
            String[] pair = argument.split("=", 2);
            criteria.optArgument(pair[0], pair[1]);
        }
        return criteria.build().loadModel();
    }

    private void assertIsReference(byte[] lora, String name) throws IOException {
        Map<String, FloatTensor> expected = REFERENCE.tensors(name);
        Map<String, FloatTensor> actual =
                ReferenceCase.readFloats(Files.write(folder.resolve("lora.safetensors"), lora));
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        expected.forEach((tensor, values) ->
                assertThat(actual.get(tensor).values()).containsExactly(values.values(), Offset.offset(1e-4f)));
    }

    @Test
    void anImageBecomesTheReferenceLora() throws Exception {
        try (ZooModel<byte[], byte[]> model =
                        load(byte[].class, byte[].class, "variants=style", "loraDtype=float32", "keyFormat=diffsynth");
                Predictor<byte[], byte[]> predictor = model.newPredictor()) {
            assertIsReference(predictor.predict(files.get(0)), "lora_style_image0.safetensors");
        }
    }

    @Test
    void severalImagesBecomeOneLora() throws Exception {
        try (ZooModel<byte[][], byte[]> model = load(
                        byte[][].class,
                        byte[].class,
                        "variants=coarse,fine,bias",
                        "imagePositions=sequential",
                        "loraDtype=float32",
                        "keyFormat=diffsynth",
                        "batchSize=2");
                Predictor<byte[][], byte[]> predictor = model.newPredictor()) {
            assertIsReference(
                    predictor.predict(files.subList(0, 3).toArray(byte[][]::new)),
                    "lora_coarse_fine_bias_group.safetensors");
        }
    }

    @ParameterizedTest
    @CsvSource({"siglip2, siglip2", "dinov3, dinov3", "both, siglip2 dinov3"})
    void anImageBecomesTheReferenceEmbedding(String argument, String names) throws Exception {
        Map<String, FloatTensor> expected = REFERENCE.tensors("embeddings.safetensors");
        try (ZooModel<byte[], float[]> model = load(byte[].class, float[].class, "embedding=" + argument);
                Predictor<byte[], float[]> predictor = model.newPredictor()) {
            List<float[]> embeddings = predictor.batchPredict(files);
            for (int i = 0; i < files.size(); i++) {
                int from = 0;
                for (String name : names.split(" ", -1)) {
                    float[] row = expected.get(name).row(i);
                    assertThat(Arrays.copyOfRange(embeddings.get(i), from, from + row.length))
                            .containsExactly(row, Offset.offset(1e-4f));
                    from += row.length;
                }
                assertThat(embeddings.get(i)).hasSize(from);
            }
        }
    }

    @Test
    void anImageThatTheCallerDecodedGivesTheSame() throws Exception {
        RgbImage decoded = REFERENCE.images().get(1);
        int[] pixels = new int[decoded.width() * decoded.height()];
        for (int i = 0; i < pixels.length; i++) {
            byte[] rgb = decoded.pixels();
            pixels[i] = (rgb[3 * i] & 255) << 16 | (rgb[3 * i + 1] & 255) << 8 | (rgb[3 * i + 2] & 255);
        }
        Image image = ImageFactory.getInstance().fromPixels(pixels, decoded.width(), decoded.height());
        try (ZooModel<Image, float[]> images = load(Image.class, float[].class);
                Predictor<Image, float[]> ofImage = images.newPredictor();
                ZooModel<byte[], float[]> bytes = load(byte[].class, float[].class);
                Predictor<byte[], float[]> ofFile = bytes.newPredictor()) {
            assertThat(ofImage.predict(image)).containsExactly(ofFile.predict(files.get(1)));
        }
        try (ZooModel<Image, byte[]> model = load(Image.class, byte[].class);
                Predictor<Image, byte[]> predictor = model.newPredictor()) {
            Path lora = Files.write(folder.resolve("lora.safetensors"), predictor.predict(image));
            assertThat(Files.readString(lora, StandardCharsets.ISO_8859_1))
                    .contains("\"i2l.images\":\"1\"")
                    .doesNotContain("i2l.image_sha256");
        }
    }

    @Test
    void servingIsAnsweredWithALora() throws Exception {
        Criteria<Input, Output> criteria = Criteria.builder()
                .setTypes(Input.class, Output.class)
                .optEngine("I2L")
                .optModelUrls(models.toUri().toString())
                .optArgument("translatorFactory", I2lTranslatorFactory.class.getName())
                .build();
        Input request = new Input();
        request.add(files.get(0));
        try (ZooModel<Input, Output> served = criteria.loadModel();
                Predictor<Input, Output> predictor = served.newPredictor();
                ZooModel<byte[], byte[]> model = load(byte[].class, byte[].class);
                Predictor<byte[], byte[]> direct = model.newPredictor()) {
            assertThat(predictor.predict(request).getData().getAsBytes()).containsExactly(direct.predict(files.get(0)));
        }
    }

    @Test
    void aBadImageIsNamedAndTheNextBatchGoesOn() throws Exception {
        try (ZooModel<byte[], byte[]> model = load(byte[].class, byte[].class);
                Predictor<byte[], byte[]> predictor = model.newPredictor()) {
            byte[] lora = predictor.predict(files.get(0));
            assertThatThrownBy(() -> predictor.batchPredict(List.of(files.get(0), TEXT)))
                    .isInstanceOf(TranslateException.class)
                    .hasMessageContaining("it is not an image")
                    .hasMessageContaining("(input 2 of 2)");
            byte[] truncated = Arrays.copyOf(files.get(0), files.get(0).length / 2);
            assertThatThrownBy(() -> predictor.predict(truncated))
                    .isInstanceOf(TranslateException.class)
                    .hasMessageContaining("Cannot decode image");
            assertThat(predictor.predict(files.get(0))).containsExactly(lora);
        }
        try (ZooModel<byte[], byte[]> model = load(byte[].class, byte[].class, "maxPixels=10");
                Predictor<byte[], byte[]> predictor = model.newPredictor()) {
            assertThatThrownBy(() -> predictor.predict(files.get(0)))
                    .isInstanceOf(TranslateException.class)
                    .hasMessageContaining("pixels");
        }
        try (ZooModel<byte[], byte[]> model = load(byte[].class, byte[].class, "maxImageBytes=3");
                Predictor<byte[], byte[]> predictor = model.newPredictor()) {
            assertThatThrownBy(() -> predictor.predict(TEXT)).hasMessageContaining("it has more than 3 bytes");
        }
    }

    @Test
    void predictorsOfTwoThreadsShareAModelAndNothingIsLeft() throws Exception {
        try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
            try (ZooModel<byte[], byte[]> model = load(byte[].class, byte[].class, "reproducible=true")) {
                List<byte[]> expected;
                try (Predictor<byte[], byte[]> predictor = model.newPredictor()) {
                    expected = predictor.batchPredict(files);
                }
                long loaded = probe.elements();
                ExecutorService threads = Executors.newFixedThreadPool(2);
                List<Future<List<byte[]>>> results = new ArrayList<>();
                for (int i = 0; i < 4; i++) {
                    results.add(threads.submit(() -> {
                        try (Predictor<byte[], byte[]> predictor = model.newPredictor()) {
                            return predictor.batchPredict(files);
                        }
                    }));
                }
                for (Future<List<byte[]>> result : results) {
                    assertThat(result.get()).containsExactlyElementsOf(expected);
                }
                threads.shutdown();
                assertThat(probe.elements()).isEqualTo(loaded);
            }
            assertThat(probe.elements()).isZero();
        }
    }

    /** As DJL's extension for Spark has it, which loads a model in each task. */
    @Test
    void modelsOfTheSameArgumentsShareWeightsUntilTheLastIsClosed() throws Exception {
        try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
            ZooModel<byte[], byte[]> other = load(byte[].class, byte[].class, "rank=3");
            long one = probe.elements();
            ZooModel<byte[], byte[]> first = load(byte[].class, byte[].class);
            ZooModel<byte[], byte[]> second = load(byte[].class, byte[].class);
            assertThat(probe.elements()).isEqualTo(2 * one);
            first.close();
            assertThat(second.newPredictor().predict(files.get(0))).isNotEmpty();
            assertThat(probe.elements()).isEqualTo(2 * one);
            second.close();
            assertThat(probe.elements()).isEqualTo(one);
            other.close();
            assertThat(probe.elements()).isZero();
        }
    }

    @Test
    void aModelThatNobodyClosesIsFreedWithItsManager() throws Exception {
        try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
            ZooModel<byte[], byte[]> left = load(byte[].class, byte[].class);
            assertThat(probe.elements()).isPositive();
            left.getNDManager().close();
            assertThat(probe.elements()).isZero();
        }
    }

    @Test
    void aClosedModelSaysSo() throws Exception {
        ZooModel<byte[], byte[]> model = load(byte[].class, byte[].class);
        Predictor<byte[], byte[]> predictor = model.newPredictor();
        model.close();
        model.close();
        assertThatThrownBy(() -> predictor.predict(files.get(0)))
                .isInstanceOf(TranslateException.class)
                .hasMessageContaining("closed");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "variants=fine; fine without coarse",
                "precision=float16; Invalid argument precision: 'float16' (expected one of: float32, bfloat16)",
                "keyFormat=peft; expected one of: comfyui, diffsynth, diffusers, kohya",
                "rank=x; Invalid argument rank: 'x' (expected a whole number)",
                "batchSize=-1; Invalid argument batchSize: '-1' (expected from 0",
                "reproducible=yes; expected one of: true, false",
            })
    void invalidArgumentsAreNamed(String argument, String message) {
        assertThatThrownBy(() -> load(byte[].class, byte[].class, argument))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }

    @Test
    void aFolderWithoutCheckpointsIsNamed() {
        assertThatThrownBy(() -> Model.newInstance("x", Device.cpu(), "I2L").load(folder))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(folder.toString());
    }

    @Test
    void isNeverTheDefaultEngineAndLendsPyTorchsArrays() {
        assertThat(Engine.getDefaultEngineName()).isEqualTo("PyTorch");
        Engine engine = Engine.getEngine("I2L");
        assertThat(engine.getAlternativeEngine().getEngineName()).isEqualTo("PyTorch");
        try (var manager = engine.newBaseManager()) {
            assertThat(manager.create(new float[] {1, 2}).sum().getFloat()).isEqualTo(3);
        }
    }

    @Test
    void whatItCannotDoIsRefusedAsDjlDoes() throws Exception {
        try (ZooModel<byte[], byte[]> model = load(byte[].class, byte[].class)) {
            assertThatThrownBy(() -> model.newTrainer(new DefaultTrainingConfig(Loss.l2Loss())))
                    .isInstanceOf(UnsupportedOperationException.class);
            assertThatThrownBy(() -> model.save(folder, "x")).isInstanceOf(UnsupportedOperationException.class);
            assertThatThrownBy(() -> model.newPredictor(new NoopTranslator(), Device.cpu()))
                    .isInstanceOf(UnsupportedOperationException.class)
                    .hasMessageContaining("I2lTranslatorFactory");
        }
        assertThatThrownBy(() -> new I2lTranslatorFactory().newInstance(String.class, byte[].class, null, Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("java.lang.String");
    }
}
