package org.i2lspark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.i2lspark.ImageMemoryPlan.Part;
import org.i2lspark.MemoryPlan.Way;
import org.i2lspark.Sampling.GuidanceRescaling;
import org.i2lspark.Sampling.LoraScope;
import org.i2lspark.Sampling.Scheduler;
import org.i2lspark.diffusion.LoraWay;
import org.i2lspark.image.RgbImage;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.QwenImageModel;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.SampleModels;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.NativeMemoryProbe;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is in memory while images are made, and that it decides upon no image. */
class ImageMemoryPlanTest {
    private static final Sampling SMALL = guided(48, 32, 2);

    @TempDir
    private static Path models;

    private static QwenImageModel model;

    @BeforeAll
    static void inspect() throws IOException {
        model = QwenImageModel.inspect(ReferenceCase.generate().writeModels(models));
    }

    private static Sampling guided(int width, int height, int steps) {
        return new Sampling(
                width,
                height,
                steps,
                4,
                GuidanceRescaling.TO_CONDITIONAL,
                Scheduler.QWEN,
                LoraScope.BOTH,
                ElementType.FLOAT32);
    }

    @Test
    void allPlansMakeTheSameImages() throws IOException {
        List<byte[]> expected = images(ImageMemoryPlan.everything());
        try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
            assertThat(images(new ImageMemoryPlan(Way.IN_TURNS, Set.of(), LoraWay.BESIDE, 0)))
                    .containsExactlyElementsOf(expected);
            assertThat(images(new ImageMemoryPlan(Way.TOGETHER, Set.of(Part.values()), LoraWay.BESIDE, 0)))
                    .containsExactlyElementsOf(expected);
            assertThat(images(new ImageMemoryPlan(Way.IN_TURNS, Set.of(Part.values()), LoraWay.BESIDE, 0)))
                    .containsExactlyElementsOf(expected);
            assertThat(probe.tensors()).isZero();
        }
    }

    @Test
    void fewerWeightsAreInMemoryInTurns() throws IOException {
        long together = peak(ImageMemoryPlan.everything());
        long inTurns = peak(new ImageMemoryPlan(Way.IN_TURNS, Set.of(), LoraWay.BESIDE, 0));
        assertThat(inTurns).isLessThan(together);
    }

    private static long peak(ImageMemoryPlan plan) throws IOException {
        try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
            images(plan);
            return probe.peak();
        }
    }

    /** Two images under a LoRA of which one is made after the other, and two together. */
    private static List<byte[]> images(ImageMemoryPlan plan) throws IOException {
        try (TextToImage textToImage = TextToImage.load(model, ElementType.FLOAT32, TorchDevice.CPU, plan);
                LoraFile lora = LoraFile.open(models.resolve("loras/style.safetensors"))) {
            List<WeightedLora> loras = List.of(new WeightedLora("style", lora, 1));
            ImageRequest first = new ImageRequest("a cat", Optional.empty(), 1, loras);
            ImageRequest second = new ImageRequest("a dog in the snow", Optional.empty(), 2, List.of());
            List<RgbImage> images = new ArrayList<>();
            images.addAll(textToImage.generate(List.of(first), SMALL, (done, all) -> {}));
            images.addAll(textToImage.generate(List.of(second), SMALL, (done, all) -> {}));
            images.addAll(textToImage.generate(List.of(first, second), SMALL, (done, all) -> {}));
            return images.stream().map(RgbImage::pixels).toList();
        }
    }

    @Test
    void aFaultWhileImagesAreMadeLeavesNothing() throws IOException {
        try (TextToImage textToImage = TextToImage.load(model, ElementType.FLOAT32, TorchDevice.CPU);
                LoraFile lora = LoraFile.open(models.resolve("loras/style.safetensors"))) {
            List<ImageRequest> requests = List.of(
                    new ImageRequest("a cat", Optional.empty(), 1, List.of(new WeightedLora("style", lora, 1))));
            List<byte[]> expected = pixels(textToImage, requests);
            int all;
            try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
                assertThat(pixels(textToImage, requests)).containsExactlyElementsOf(expected);
                assertThat(probe.tensors()).isZero();
                all = probe.made();
            }
            for (int failing = 1; failing <= all; failing += 1 + all / 40) {
                try (NativeMemoryProbe probe = NativeMemoryProbe.failingAt(failing, NativeMemoryProbe::outOfMemory)) {
                    assertThat(catchOutOfMemory(textToImage, requests))
                            .as("at %d", failing)
                            .isTrue();
                    assertThat(probe.tensors())
                            .as("left after a fault at %d of %d", failing, all)
                            .isZero();
                }
            }
            assertThat(pixels(textToImage, requests)).containsExactlyElementsOf(expected);
        }
    }

    private static boolean catchOutOfMemory(TextToImage textToImage, List<ImageRequest> requests) throws IOException {
        try {
            textToImage.generate(requests, SMALL, (done, all) -> {});
            return false;
        } catch (RuntimeException e) {
            return Torch.isOutOfMemory(e);
        }
    }

    private static List<byte[]> pixels(TextToImage textToImage, List<ImageRequest> requests) throws IOException {
        return textToImage.generate(requests, SMALL, (done, all) -> {}).stream()
                .map(RgbImage::pixels)
                .toList();
    }

    @Test
    void imagesThatDoNotFitTogetherAreMadeInHalves() throws IOException {
        try (TextToImage textToImage = TextToImage.load(model, ElementType.FLOAT32, TorchDevice.CPU)) {
            ImageRequest request = new ImageRequest("a cat", Optional.empty(), 1, List.of());
            List<byte[]> alone = pixels(textToImage, List.of(request));
            long peak;
            try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
                pixels(textToImage, List.of(request));
                peak = probe.peak();
            }
            try (NativeMemoryProbe probe = NativeMemoryProbe.ofMemory(peak)) {
                List<byte[]> halves = pixels(textToImage, List.of(request, request));
                assertThat(textToImage.halvings()).isEqualTo(1);
                assertThat(halves)
                        .hasSize(2)
                        .allSatisfy(half -> assertThat(half).isEqualTo(alone.get(0)));
                assertThat(probe.tensors()).isZero();
            }
        }
    }

    @Test
    void theFastestPlanThatFitsIsTaken() {
        long all = plan(Long.MAX_VALUE).orElseThrow().bytes();
        assertThat(plan(all)).contains(new ImageMemoryPlan(Way.TOGETHER, Set.of(), LoraWay.BESIDE, all));
        assertThat(plan(all - 1).orElseThrow().way()).isEqualTo(Way.IN_TURNS);
        long least = ImageMemoryPlan.least(model, ElementType.FLOAT32, SMALL, 2);
        assertThat(plan(least).orElseThrow().bytes()).isEqualTo(least);
        assertThat(plan(least - 1)).isEmpty();
    }

    private static Optional<ImageMemoryPlan> plan(long budget) {
        return ImageMemoryPlan.of(model, ElementType.FLOAT32, SMALL, 2, Optional.of(budget));
    }

    @Test
    void theReleasedModelIsPlannedForGpusOfAnySize(@TempDir Path released) throws IOException {
        SampleModels.writeReleasedSizes(released, Set.of(BaseModel.QWEN_IMAGE));
        QwenImageModel large = QwenImageModel.inspect(released);
        Sampling preview = new Sampling(
                512,
                512,
                4,
                1,
                GuidanceRescaling.TO_CONDITIONAL,
                Scheduler.LIGHTNING,
                LoraScope.BOTH,
                ElementType.FLOAT32);
        assertThat(planFor(large, preview, 80))
                .contains("text encoder and transformer together, LoRAs added to copies of the weights; about ");
        assertThat(planFor(large, preview, 60))
                .contains("text encoder and transformer together, LoRAs beside the weights; about ");
        assertThat(planFor(large, preview, 40))
                .contains("text encoder and transformer in turns, LoRAs beside the weights; about ");
        assertThat(planFor(large, preview, 16)).contains("together; block by block: transformer, LoRAs beside");
        assertThat(planFor(large, preview, 14)).contains("in turns; block by block: transformer, LoRAs beside");
        assertThat(planFor(large, preview, 7)).contains("together; block by block: text encoder, transformer, LoRAs");
        assertThat(planFor(large, preview, 2)).isEmpty();
    }

    private static String planFor(QwenImageModel model, Sampling sampling, long gibibytes) {
        return ImageMemoryPlan.of(model, ElementType.BFLOAT16, sampling, 4, Optional.of(gibibytes << 30))
                .map(ImageMemoryPlan::description)
                .orElse("");
    }
}
