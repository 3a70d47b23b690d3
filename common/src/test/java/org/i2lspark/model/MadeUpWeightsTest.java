package org.i2lspark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.i2lspark.diffusion.VaeConfig;
import org.i2lspark.model.SyntheticWeights.Recipe;
import org.i2lspark.safetensors.TensorStore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MadeUpWeightsTest {
    @TempDir
    private Path folder;

    @Test
    void releasedSizesAreTheReleasedLayouts() throws IOException {
        SampleModels.writeReleasedSizes(folder, Set.of(BaseModel.QWEN_IMAGE, BaseModel.Z_IMAGE));
        I2lModel model = I2lModel.inspect(folder, BaseModel.QWEN_IMAGE, EnumSet.allOf(Variant.class));
        QwenImageModel qwenImage = QwenImageModel.inspect(folder);
        Map<String, Checkpoint> checkpoints = new HashMap<>(model.checkpoints());
        checkpoints.putAll(qwenImage.checkpoints());
        checkpoints.putAll(I2lModel.inspect(folder, BaseModel.Z_IMAGE, Set.of(Variant.STYLE))
                .checkpoints());
        for (ReleasedCheckpoint released : ReleasedCheckpoint.values()) {
            Checkpoint checkpoint = checkpoints.get(released.title());
            if (released == ReleasedCheckpoint.QWEN_IMAGE_VAE) {
                // its encoder is not made up, as nobody needs it
                assertThat(qwenImage.vae().config().layout().shapes())
                        .isEqualTo(VaeConfig.RELEASED.layout().shapes());
            } else {
                assertThat(checkpoint.released()).contains(released);
            }
        }
        assertThat(model.description()).doesNotContain("released").contains("DINOv3-7B (made-up weights)");
        assertThat(Files.size(folder.resolve(I2lModel.DINOV3_PATH))).isGreaterThan(13_000_000_000L);
    }

    @Test
    void valuesAreSpreadByTheTensorsScaleAndTheSameInAnyPieces() throws IOException {
        Path file = folder.resolve("weights.safetensors");
        MadeUpWeights.write(
                file,
                List.of(
                        new Recipe("layer.weight", List.of(2000L, 1200L), 0, 0),
                        new Recipe("norm.weight", List.of(64L), 0, 0)));
        try (TensorStore store = Checkpoint.inspect(file).open()) {
            ByteBuffer whole = read(store, "layer.weight", 0, 4_800_000);
            double limit = Math.sqrt(3.0 / 1200);
            double squares = 0;
            for (int i = 0; i < whole.limit(); i += Short.BYTES) {
                float value = bfloat16(whole, i);
                assertThat(Math.abs(value)).isLessThanOrEqualTo((float) limit);
                squares += value * value;
            }
            assertThat(squares / 2_400_000 * 1200).isCloseTo(1, within(0.02));

            ByteBuffer piece = read(store, "layer.weight", 2_000_000, 1_000_002);
            assertThat(piece).isEqualTo(whole.slice(2_000_000, 1_000_002).order(ByteOrder.LITTLE_ENDIAN));

            ByteBuffer gain = read(store, "norm.weight", 0, 128);
            for (int i = 0; i < gain.limit(); i += Short.BYTES) {
                assertThat(bfloat16(gain, i)).isBetween(0.89f, 1.11f);
            }
            assertThatThrownBy(() -> read(store, "norm.weight", 2, 128))
                    .hasMessage("Cannot read 128 bytes at 2 of tensor 'norm.weight' of %s", file);
        }
    }

    private static ByteBuffer read(TensorStore store, String tensor, long offset, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        store.read(tensor, offset, bytes);
        assertThat(bytes.hasRemaining()).isFalse();
        return bytes.flip();
    }

    private static float bfloat16(ByteBuffer bytes, int index) {
        return Float.intBitsToFloat(bytes.getShort(index) << Short.SIZE);
    }
}
