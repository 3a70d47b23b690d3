package org.i2lspark.jobs.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.i2lspark.BatchShape;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.ImageToLora;
import org.i2lspark.PreparedImage;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.options.DeviceChoice;
import org.i2lspark.jobs.options.ModelChoice;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.ModelInput;
import org.i2lspark.model.SampleModels;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StackTest {
    private static final int BATCH = 5;

    @TempDir
    private Path folder;

    @Test
    void bytesOfAStyleDoNotDependOnItsNeighboursWhereEachIsComputedAlone() throws Exception {
        SampleModels.write(folder);
        StackSettings settings = new StackSettings(
                folder.toString(),
                new ModelChoice(BaseModel.QWEN_IMAGE, Set.of(Variant.STYLE), ImagePositions.GRID, ModelInput.IMAGES),
                DeviceChoice.CPU,
                ElementType.FLOAT32,
                BATCH,
                BatchShape.ONE_BY_ONE,
                0,
                0);
        try (Stack stack = new Stack(settings, folder, 0)) {
            List<PreparedImage> images = new ArrayList<>();
            for (int i = 0; i < BATCH; i++) {
                images.add(image(stack, i));
            }
            List<ImageEmbedding> together = stack.embed(images);
            List<List<ImageEmbedding>> styles = together.stream().map(List::of).toList();
            List<byte[]> loras = loras(stack, styles);
            for (int i = 0; i < BATCH; i++) {
                List<ImageEmbedding> alone = stack.embed(images.subList(i, i + 1));
                assertThat(alone).hasSize(1);
                assertThat(alone.get(0).style()).isEqualTo(together.get(i).style());
                assertThat(loras(stack, List.of(alone))).containsExactly(loras.get(i));
            }
        }
    }

    private static PreparedImage image(Stack stack, int seed) {
        byte[] pixels = new byte[3 * 32 * 32];
        new Random(seed).nextBytes(pixels);
        return ImageToLora.prepare(stack.model(), new RgbImage(32, 32, pixels));
    }

    private static List<byte[]> loras(Stack stack, List<List<ImageEmbedding>> styles) throws IOException {
        List<byte[]> files = new ArrayList<>();
        for (Lora lora : stack.decode(styles, ElementType.FLOAT32)) {
            try (lora) {
                ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                lora.write(Channels.newChannel(bytes), KeyFormat.DIFFSYNTH, Map.of());
                files.add(bytes.toByteArray());
            }
        }
        return files;
    }
}
