package org.i2lspark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.assertj.core.data.Offset;
import org.i2lspark.decoder.LoraDecoder;
import org.i2lspark.decoder.LoraMerger;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.image.RgbImage;
import org.i2lspark.lora.Lora;
import org.i2lspark.lora.LoraSource.Factors;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.DeviceMemoryException;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.NativeMemoryProbe;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How much native memory the stack takes, and that it gives all of it back when there is too little. */
class NativeMemoryTest {
    private static final ReferenceCase REFERENCE = ReferenceCase.tiny();
    /** At most, while weights are loaded; how many there are depends on how the reading threads come to share the work. */
    private static final int STAGING_BUFFERS = 6;

    private static final List<Supplier<Throwable>> FAULTS =
            List.of(NativeMemoryProbe::outOfMemory, () -> new OutOfMemoryError("Java heap space"));

    @TempDir
    private static Path models;

    private static I2lModel model;
    private static ImageToLora stack;
    private static List<PreparedImage> images;
    private static List<ImageEmbedding> embeddings;

    @BeforeAll
    static void load() throws IOException {
        model = I2lModel.inspect(
                REFERENCE.writeModels(models),
                BaseModel.QWEN_IMAGE,
                Variant.of(List.of("style", "coarse", "fine", "bias")));
        stack = load(model);
        images = new ArrayList<>();
        for (RgbImage image : REFERENCE.images()) {
            images.add(ImageToLora.prepare(model, image));
        }
        embeddings = stack.embed(images.subList(0, 2));
    }

    private static ImageToLora load(I2lModel loaded) throws IOException {
        return ImageToLora.load(loaded, ElementType.FLOAT32, TorchDevice.CPU, ImagePositions.GRID);
    }

    @AfterAll
    static void close() {
        stack.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 16})
    void besideALoraOneBucketOfOneDecoderIsInMemory(int count) throws IOException {
        List<LoraDecoder> decoders = new ArrayList<>();
        for (I2lModel.Decoder decoder : model.decoders()) {
            decoders.add(Decoders.loadDecoder(decoder, ElementType.FLOAT32, TorchDevice.CPU, MemoryPlan.everything(1)));
        }
        LoraMerger merger = new LoraMerger(decoders, null, TorchDevice.CPU);
        List<LoraMerger.Input> style = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            ImageEmbedding image = embeddings.get(i % 2);
            style.add(new LoraMerger.Input(image.style(), image.residuals()));
        }
        try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
            List<Lora> loras = merger.merge(List.of(style), ElementType.FLOAT32, 0);
            List<Shape> modules = loras.get(0).modules();
            long lora = modules.stream()
                    .mapToLong(module -> (long) module.rank() * (module.in() + module.out()))
                    .sum();
            assertThat(probe.elements()).isEqualTo(lora);
            assertThat(probe.peak()).isBetween(lora, lora + largestBucket(modules, count) + decoderInputs(count));
            loras.forEach(Lora::close);
            assertThat(probe.elements()).isZero();
            assertThat(probe.tensors()).isZero();
        }
        decoders.forEach(LoraDecoder::close);
    }

    /** Elements of the factors of one kind and size that one decoder makes of these images. */
    private static long largestBucket(List<Shape> modules, int count) {
        Map<Integer, Long> a = modules.stream().collect(Collectors.groupingBy(Shape::in, Collectors.counting()));
        Map<Integer, Long> b = modules.stream().collect(Collectors.groupingBy(Shape::out, Collectors.counting()));
        return LongStream.concat(
                        a.entrySet().stream().mapToLong(size -> size.getKey() * size.getValue()),
                        b.entrySet().stream().mapToLong(size -> size.getKey() * size.getValue()))
                .map(elements -> elements * 4 * count)
                .max()
                .orElseThrow();
    }

    /** Elements of embeddings, residuals and compressed vectors, of which each factor has one, for these images. */
    private static long decoderInputs(int count) {
        long most = 0;
        for (int d = 0; d < model.decoders().size(); d++) {
            long residual = embeddings.get(0).residuals().get(d).length;
            long factors = 2L * model.decoders().get(d).layout().modules().size();
            long compressed = compressed(model.decoders().get(d));
            most = Math.max(most, residual + factors * compressed);
        }
        return (most + embeddings.get(0).style().length) * count;
    }

    private static long compressed(I2lModel.Decoder decoder) {
        try (var weights = decoder.checkpoint().open()) {
            return weights.tensors()
                    .get("blocks.0.layers.0.proj_a.proj_in.weight")
                    .shape()
                    .get(0);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aFaultAtAnyTensorOfADecodeLeavesNothing() {
        List<List<ImageEmbedding>> styles = List.of(embeddings, embeddings.subList(0, 1));
        leavesNothing(1, () -> stack.decode(styles, ElementType.FLOAT32).forEach(Lora::close));
    }

    @Test
    void aFaultDuringAnEmbeddingLeavesNothing() {
        leavesNothing(2, () -> stack.embed(images.subList(0, 1)));
    }

    @Test
    void aFaultAtAnyTensorOfADecodersLoadingLeavesNothing() {
        leavesNothing(
                1,
                () -> Decoders.loadDecoder(
                                model.decoders().get(1),
                                ElementType.BFLOAT16,
                                TorchDevice.CPU,
                                MemoryPlan.everything(1))
                        .close());
    }

    @Test
    void aFaultWhileTheStackIsLoadedLeavesNothing() {
        leavesNothing(7, () -> load(model).close());
    }

    /** Makes every {@code step}-th tensor of some work fail, in turn, with one kind of fault and the other. */
    private static void leavesNothing(int step, ThrowingCallable work) {
        int all;
        try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
            assertThat(catchThrowable(work)).isNull();
            all = probe.made();
            assertThat(probe.tensors()).isZero();
        }
        assertThat(all).isGreaterThan(step);
        int missed = 0;
        for (int failing = 1; failing <= all; failing += step) {
            Supplier<Throwable> fault = FAULTS.get(failing / step % FAULTS.size());
            try (NativeMemoryProbe probe = NativeMemoryProbe.failingAt(failing, fault)) {
                Throwable thrown = catchThrowable(work);
                missed += probe.made() < failing ? 1 : 0;
                assertThat(probe.tensors())
                        .as("tensors left after a fault at %d of %d", failing, all)
                        .isZero();
                assertThat(probe.elements()).isZero();
                // a batch that was halved succeeds
                if (thrown != null) {
                    assertThat(Torch.isOutOfMemory(thrown) || thrown instanceof OutOfMemoryError)
                            .as("%s", thrown)
                            .isTrue();
                }
            }
        }
        assertThat(missed).isLessThanOrEqualTo(STAGING_BUFFERS);
    }

    @Test
    void batchesOfStylesAreHalvedUntilTheyFit() throws IOException {
        List<List<ImageEmbedding>> styles = List.of(
                embeddings.subList(0, 1), embeddings.subList(1, 2), embeddings.subList(0, 1), embeddings.subList(1, 2));
        long peak;
        List<Lora> expected;
        try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
            expected = stack.decode(styles, ElementType.FLOAT32);
            peak = probe.peak();
        }
        int before = stack.halvings();
        try (NativeMemoryProbe probe = NativeMemoryProbe.ofMemory(peak - 1)) {
            List<Lora> loras = stack.decode(styles, ElementType.FLOAT32);
            assertThat(stack.halvings()).isGreaterThan(before);
            for (int i = 0; i < styles.size(); i++) {
                assertSame(loras.get(i), expected.get(i));
            }
            loras.forEach(Lora::close);
            assertThat(probe.tensors()).isZero();
        }
        expected.forEach(Lora::close);
    }

    @Test
    void batchesOfImagesAreHalvedUntilTheyFit() {
        long alone;
        try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
            stack.embed(images.subList(0, 1));
            alone = probe.peak();
        }
        int before = stack.halvings();
        try (NativeMemoryProbe probe = NativeMemoryProbe.ofMemory(alone)) {
            List<ImageEmbedding> apart = stack.embed(images.subList(0, 2));
            assertThat(stack.halvings()).isEqualTo(before + 1);
            for (int i = 0; i < 2; i++) {
                assertThat(apart.get(i).style())
                        .containsExactly(embeddings.get(i).style(), within());
            }
            assertThat(probe.tensors()).isZero();
        }
    }

    private static void assertSame(Lora actual, Lora expected) {
        for (Shape module : expected.modules()) {
            Factors factors = expected.factors(module);
            assertThat(actual.factors(module).a()).containsExactly(factors.a(), within());
            assertThat(actual.factors(module).b()).containsExactly(factors.b(), within());
        }
    }

    private static Offset<Float> within() {
        return Offset.offset(1e-5f);
    }

    @Test
    void anImageOrAStyleThatDoesNotFitAloneIsNamedAsSuch() {
        try (NativeMemoryProbe probe = NativeMemoryProbe.ofMemory(100)) {
            assertThatThrownBy(() -> stack.embed(images))
                    .isInstanceOf(DeviceMemoryException.class)
                    .hasMessageStartingWith("Cannot embed an image on cpu: its memory does not hold one alone");
            List<List<ImageEmbedding>> styles = List.of(embeddings, embeddings);
            assertThatThrownBy(() -> stack.decode(styles, ElementType.FLOAT32))
                    .isInstanceOf(DeviceMemoryException.class)
                    .hasMessageStartingWith("Cannot decode a style on cpu: its memory does not hold one alone");
            assertThat(probe.tensors()).isZero();
        }
    }

    @Test
    void aProblemThatIsNotOfMemoryIsNotTriedAgain() {
        int before = stack.halvings();
        try (NativeMemoryProbe probe = NativeMemoryProbe.failingAt(3, () -> new IllegalStateException("broken"))) {
            assertThatThrownBy(() -> stack.embed(images)).hasMessage("broken");
            assertThat(probe.made()).isEqualTo(3);
        }
        assertThat(stack.halvings()).isEqualTo(before);
    }
}
