package org.i2lspark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.i2lspark.MemoryPlan.Part;
import org.i2lspark.MemoryPlan.Way;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.image.RgbImage;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.NativeMemoryProbe;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryPlanTest {
    private static final ReferenceCase REFERENCE = ReferenceCase.tiny();

    @TempDir
    private static Path models;

    private static I2lModel model;
    private static List<PreparedImage> images;

    @BeforeAll
    static void inspect() throws IOException {
        model = I2lModel.inspect(
                REFERENCE.writeModels(models),
                BaseModel.QWEN_IMAGE,
                Variant.of(List.of("style", "coarse", "fine", "bias")));
        images = new ArrayList<>();
        for (RgbImage image : REFERENCE.images().subList(0, 2)) {
            images.add(ImageToLora.prepare(model, image));
        }
    }

    @Test
    void allPlansGiveTheSameBytes() throws IOException {
        List<byte[]> expected = loras(MemoryPlan.everything(2));
        try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
            assertThat(loras(new MemoryPlan(Way.IN_TURNS, Set.of(), 2, 2, 0))).containsExactlyElementsOf(expected);
            assertThat(loras(new MemoryPlan(Way.TOGETHER, Set.of(Part.values()), 2, 2, 0)))
                    .containsExactlyElementsOf(expected);
            assertThat(loras(new MemoryPlan(Way.IN_TURNS, Set.of(Part.QWEN_VL, Part.DECODERS), 2, 2, 0)))
                    .containsExactlyElementsOf(expected);
            assertThat(probe.tensors()).isZero();
        }
    }

    @Test
    void fewerWeightsAreInMemoryInTurnsAndFewestBlockByBlock() throws IOException {
        long together = peak(MemoryPlan.everything(1));
        long inTurns = peak(new MemoryPlan(Way.IN_TURNS, Set.of(), 1, 1, 0));
        long streamed = peak(new MemoryPlan(Way.IN_TURNS, Set.of(Part.values()), 1, 1, 0));
        assertThat(inTurns).isLessThan(together);
        assertThat(streamed).isLessThan(inTurns);
    }

    private static long peak(MemoryPlan plan) throws IOException {
        try (NativeMemoryProbe probe = NativeMemoryProbe.open()) {
            loras(plan);
            return probe.peak();
        }
    }

    /** Two styles of an image each, decoded one after the other, between two embeddings. */
    private static List<byte[]> loras(MemoryPlan plan) throws IOException {
        try (ImageToLora stack =
                ImageToLora.load(model, ElementType.FLOAT32, TorchDevice.CPU, ImagePositions.GRID, plan)) {
            List<byte[]> files = new ArrayList<>();
            for (PreparedImage image : images) {
                try (Lora lora = stack.decode(List.of(stack.embed(List.of(image))), ElementType.FLOAT32)
                        .get(0)) {
                    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                    lora.write(Channels.newChannel(bytes), KeyFormat.DIFFSYNTH, Map.of());
                    files.add(bytes.toByteArray());
                }
            }
            return files;
        }
    }

    @Test
    void theFastestPlanThatFitsIsTaken() throws IOException {
        long all = plan(Long.MAX_VALUE).orElseThrow().bytes();
        assertThat(plan(all).orElseThrow().way()).isEqualTo(Way.TOGETHER);
        assertThat(plan(all).orElseThrow().streamed()).isEmpty();
        assertThat(plan(all - 1).orElseThrow()).isNotEqualTo(plan(all).orElseThrow());
        long least = MemoryPlan.least(model, ElementType.FLOAT32, 8);
        assertThat(plan(least).orElseThrow().bytes()).isEqualTo(least);
        assertThat(plan(least - 1)).isEmpty();
    }

    private static Optional<MemoryPlan> plan(long budget) throws IOException {
        return MemoryPlan.of(model, ElementType.FLOAT32, 8, Optional.of(budget));
    }
}
