package org.i2lspark.jobs.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.jobs.options.DeviceChoice;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;
import org.junit.jupiter.api.Test;

/** Fingerprints as outputs have them: with others, all their LoRAs would be made anew. */
class FingerprintsTest {
    private static final Map<String, String> STYLE_CHECKPOINTS =
            Map.of("SigLIP2-G384", "c:d", "DINOv3-7B", "a:b", "Qwen-Image-i2L-Style", "e:f");
    private static final LoraForm USUAL = new LoraForm(ElementType.BFLOAT16, KeyFormat.COMFYUI, 0);
    private static final List<String> IMAGES = List.of("00", "11");
    private static final String STYLE = "d134bc1efeabb066d5bac108ba9d5b722d2311bbd22b82fd2f894c4e6bdcdf94";

    @Test
    void areThoseOfTheOutputsThereAre() {
        assertThat(Fingerprints.ofStyle(IMAGES, style(ImagePositions.GRID, 8), USUAL))
                .isEqualTo(STYLE);
        StackSettings other = new StackSettings(
                "m",
                Set.of(Variant.BIAS, Variant.COARSE),
                ImagePositions.SEQUENTIAL,
                DeviceChoice.GPU,
                ElementType.BFLOAT16,
                32);
        assertThat(Fingerprints.ofStyle(
                        List.of("00"),
                        new WorkOrder(
                                other, "", "", "2.7.1", Map.of("Qwen-Image-i2L-Coarse", "e:f", "DINOv3-7B", "a:b")),
                        new LoraForm(ElementType.FLOAT32, KeyFormat.KOHYA, 4)))
                .isEqualTo("b51d98c43c5fe18b1cf61b8a62214b791a9c39ae62dfe9a1585203ac8af9263f");
    }

    @Test
    void doNotFollowWhatShapesNoLora() {
        assertThat(Fingerprints.ofStyle(IMAGES, style(ImagePositions.SEQUENTIAL, 2), USUAL))
                .isEqualTo(STYLE);
    }

    private static WorkOrder style(ImagePositions positions, int batchSize) {
        StackSettings stack = new StackSettings(
                "models", Set.of(Variant.STYLE), positions, DeviceChoice.CPU, ElementType.FLOAT32, batchSize);
        return new WorkOrder(stack, "any", "any", "any", STYLE_CHECKPOINTS);
    }
}
