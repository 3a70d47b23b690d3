package org.i2lspark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.assertj.core.data.Offset;
import org.i2lspark.encoder.CropUploader;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.encoder.QwenVlEncoder;
import org.i2lspark.image.CoverCrop;
import org.i2lspark.image.RgbImage;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.lora.Lora;
import org.i2lspark.lora.LoraDistance;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.lora.ReducedLora;
import org.i2lspark.lora.Reduction;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.ReferenceCase.FloatTensor;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The stack against what the reference implementation computes from the same weights and images. */
class ImageToLoraTest {
    private static final float TOLERANCE = 1e-4f;
    private static final ReferenceCase REFERENCE = ReferenceCase.tiny();

    @TempDir
    private static Path models;

    private static I2lModel model;
    private static ImageToLora stack;
    private static List<PreparedImage> prepared;

    @TempDir
    private Path output;

    @BeforeAll
    static void load() throws IOException {
        model = I2lModel.inspect(REFERENCE.writeModels(models), BaseModel.QWEN_IMAGE, Set.of(Variant.STYLE));
        stack = load(model, ElementType.FLOAT32);
        prepared = prepare(model);
    }

    private static ImageToLora load(I2lModel model, ElementType precision) throws IOException {
        return ImageToLora.load(model, precision, TorchDevice.CPU, ImagePositions.GRID);
    }

    private static List<PreparedImage> prepare(I2lModel model) throws IOException {
        List<PreparedImage> prepared = new ArrayList<>();
        for (RgbImage image : REFERENCE.images()) {
            prepared.add(ImageToLora.prepare(model, image));
        }
        return prepared;
    }

    @AfterAll
    static void close() {
        stack.close();
    }

    @Test
    void embeddingsAgreeWithTheReference() throws IOException {
        Map<String, FloatTensor> expected = REFERENCE.tensors("embeddings.safetensors");
        List<ImageEmbedding> embeddings = stack.embed(prepared);
        for (int i = 0; i < prepared.size(); i++) {
            assertThat(largestDifference(
                            embeddings.get(i).siglip2(), expected.get("siglip2").row(i)))
                    .as("siglip2 of image %d", i)
                    .isLessThan(TOLERANCE);
            assertThat(largestDifference(
                            embeddings.get(i).dinov3(), expected.get("dinov3").row(i)))
                    .as("dinov3 of image %d", i)
                    .isLessThan(TOLERANCE);
        }
    }

    @Test
    void batchingChangesNoEmbedding() {
        List<ImageEmbedding> together = stack.embed(prepared);
        for (int i = 0; i < prepared.size(); i++) {
            ImageEmbedding alone = stack.embed(prepared.subList(i, i + 1)).get(0);
            assertThat(largestDifference(alone.style(), together.get(i).style()))
                    .isLessThan(1e-5f);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "style_image0 | style | GRID",
                "style_group | style | SEQUENTIAL",
                "coarse_group | coarse | SEQUENTIAL",
                "coarse_fine_group | coarse,fine | SEQUENTIAL",
                "coarse_fine_bias_group | bias,fine,coarse | SEQUENTIAL",
                "coarse_group | coarse | GRID",
                "coarse_fine_group | coarse,fine | GRID",
                "coarse_fine_bias_group | bias,fine,coarse | GRID"
            })
    void lorasAgreeWithTheReference(String group, String variants, ImagePositions positions) throws IOException {
        I2lModel family = I2lModel.inspect(models, BaseModel.QWEN_IMAGE, Variant.of(List.of(variants.split(",", -1))));
        List<PreparedImage> all = prepare(family);
        List<PreparedImage> images =
                REFERENCE.group(group).stream().map(all::get).toList();
        Path file = output.resolve("lora.safetensors");
        try (ImageToLora i2l = ImageToLora.load(family, ElementType.FLOAT32, TorchDevice.CPU, positions);
                Lora lora = i2l.decode(List.of(i2l.embed(images)), ElementType.FLOAT32)
                        .get(0)) {
            write(lora, file);
        }
        ReferenceCase expected = group.startsWith("style") ? REFERENCE : reference(positions);
        assertSame(ReferenceCase.readFloats(file), expected.tensors("lora_" + group + ".safetensors"));
    }

    private static ReferenceCase reference(ImagePositions positions) {
        return positions == ImagePositions.GRID ? REFERENCE.grid() : REFERENCE;
    }

    @Test
    void styleComesFirstAndEachVariantAddsItsOwnFactors() throws IOException {
        Path all = output.resolve("all.safetensors");
        I2lModel family =
                I2lModel.inspect(models, BaseModel.QWEN_IMAGE, Variant.of(List.of("coarse", "fine", "bias", "style")));
        PreparedImage image = ImageToLora.prepare(family, REFERENCE.images().get(0));
        try (ImageToLora i2l = load(family, ElementType.FLOAT32);
                Lora lora = i2l.decode(List.of(i2l.embed(List.of(image))), ElementType.FLOAT32)
                        .get(0)) {
            assertThat(lora.rank()).isEqualTo(16);
            write(lora, all);
        }
        Map<String, FloatTensor> style = REFERENCE.tensors("lora_style_image0.safetensors");
        Map<String, FloatTensor> merged = ReferenceCase.readFloats(all);
        style.forEach((name, tensor) -> {
            if (name.contains("lora_A")) {
                float[] first = Arrays.copyOf(merged.get(name).values(), tensor.values().length);
                assertThat(largestDifference(first, tensor.values())).as(name).isLessThan(TOLERANCE);
            }
        });
    }

    @ParameterizedTest
    @CsvSource({"224, SEQUENTIAL", "1024, SEQUENTIAL", "224, GRID", "1024, GRID"})
    void hiddenStatesAgreeWithTheReference(int size, ImagePositions positions) throws IOException {
        FloatTensor expected =
                reference(positions).tensors("embeddings.safetensors").get("qwenvl_" + size);
        I2lModel family = I2lModel.inspect(models, BaseModel.QWEN_IMAGE, Variant.of(List.of("coarse")));
        List<RgbImage> crops = new ArrayList<>();
        for (RgbImage image : REFERENCE.images()) {
            crops.add(CoverCrop.apply(image, size, size));
        }
        try (CropUploader uploader = new CropUploader(TorchDevice.CPU);
                QwenVlEncoder encoder = Encoders.loadQwenVl(
                        family, ElementType.FLOAT32, TorchDevice.CPU, positions, MemoryPlan.everything(1));
                TensorScope scope = new TensorScope()) {
            List<float[]> actual = QwenVlEncoder.toFloatRows(encoder.encode(scope, uploader.upload(scope, crops)));
            for (int i = 0; i < crops.size(); i++) {
                assertThat(largestDifference(actual.get(i), expected.row(i)))
                        .as("image %d", i)
                        .isLessThan(TOLERANCE);
            }
        }
    }

    @Test
    void stylesOfOneBatchDoNotMix() throws IOException {
        List<ImageEmbedding> embeddings = stack.embed(prepared);
        List<List<ImageEmbedding>> styles =
                List.of(embeddings.subList(3, 4), embeddings.subList(0, 3), embeddings.subList(0, 1));
        List<Lora> loras = stack.decode(styles, ElementType.FLOAT32);
        write(loras.get(1), output.resolve("group.safetensors"));
        write(loras.get(2), output.resolve("image0.safetensors"));
        loras.forEach(Lora::close);
        assertSame(
                ReferenceCase.readFloats(output.resolve("group.safetensors")),
                REFERENCE.tensors("lora_style_group.safetensors"));
        assertSame(
                ReferenceCase.readFloats(output.resolve("image0.safetensors")),
                REFERENCE.tensors("lora_style_image0.safetensors"));
    }

    @Test
    void lorasAreBroughtToALowerRankAsTheWholeOnesWouldBe() throws IOException {
        List<ImageEmbedding> embeddings = stack.embed(prepared);
        List<List<ImageEmbedding>> styles = List.of(embeddings, embeddings.subList(0, 1), embeddings.subList(1, 3));
        List<Lora> whole = stack.decode(styles, ElementType.FLOAT32);
        List<Lora> reduced = stack.decode(styles, ElementType.FLOAT32, 4);
        for (int i = 0; i < styles.size(); i++) {
            assertThat(reduced.get(i).rank()).isEqualTo(4);
            LoraDistance lost = LoraDistance.total(LoraDistance.between(whole.get(i), reduced.get(i)));
            assertThat(lost.relativeNorm()).isCloseTo(error(reduced.get(i)), Offset.offset(1e-5));
            ReducedLora expected = ReducedLora.toRank(whole.get(i), 4);
            assertThat(error(reduced.get(i))).isCloseTo(expected.reduction().error(), Offset.offset(1e-6));
            assertThat(LoraDistance.total(LoraDistance.between(expected, reduced.get(i)))
                            .relativeNorm())
                    .isLessThan(1e-6);
        }
        assertThat(reduced.get(1).reduction()).isEmpty();
        assertThat(reduced.get(0).reduction().orElseThrow().errors().keySet())
                .containsExactlyElementsOf(
                        whole.get(0).modules().stream().map(Shape::name).toList());
        whole.forEach(Lora::close);
        reduced.forEach(Lora::close);
    }

    private static double error(Lora lora) {
        return lora.reduction().map(Reduction::error).orElse(0.0);
    }

    @Test
    void equalImagesLoseNothingByTheRankOfOne() throws IOException {
        ImageEmbedding image = stack.embed(prepared.subList(0, 1)).get(0);
        Lora one = stack.decode(List.of(List.of(image)), ElementType.FLOAT32).get(0);
        Lora three = stack.decode(List.of(List.of(image, image, image)), ElementType.FLOAT32, 4)
                .get(0);
        assertThat(error(three)).isZero();
        assertThat(LoraDistance.total(LoraDistance.between(one, three)).relativeNorm())
                .isLessThan(1e-6);
        one.close();
        three.close();
    }

    @Test
    void bfloat16StaysCloseToFloat32() throws IOException {
        List<ImageEmbedding> exact = stack.embed(prepared);
        try (ImageToLora coarse = load(model, ElementType.BFLOAT16)) {
            List<ImageEmbedding> rounded = coarse.embed(prepared);
            for (int i = 0; i < prepared.size(); i++) {
                assertThat(cosine(rounded.get(i).style(), exact.get(i).style())).isGreaterThan(0.99);
            }
        }
    }

    private static void write(Lora lora, Path file) throws IOException {
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            lora.write(out, KeyFormat.DIFFSYNTH, Map.of());
        }
    }

    private static void assertSame(Map<String, FloatTensor> actual, Map<String, FloatTensor> expected) {
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, tensor) -> {
            assertThat(actual.get(name).shape()).as(name).isEqualTo(tensor.shape());
            assertThat(largestDifference(actual.get(name).values(), tensor.values()))
                    .as(name)
                    .isLessThan(TOLERANCE);
        });
    }

    private static float largestDifference(float[] actual, float[] expected) {
        assertThat(actual).hasSameSizeAs(expected);
        float largest = 0;
        for (int i = 0; i < actual.length; i++) {
            float difference = Math.abs(actual[i] - expected[i]);
            // a NaN must not pass
            largest = difference <= largest ? largest : difference;
        }
        return largest;
    }

    private static double cosine(float[] a, float[] b) {
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (int i = 0; i < a.length; i++) {
            ab += (double) a[i] * b[i];
            aa += (double) a[i] * a[i];
            bb += (double) b[i] * b[i];
        }
        return ab / Math.sqrt(aa * bb);
    }
}
