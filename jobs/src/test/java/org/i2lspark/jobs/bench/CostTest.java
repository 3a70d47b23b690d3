package org.i2lspark.jobs.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import org.i2lspark.diffusion.DitConfig;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.jobs.options.DeviceChoice;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.QwenImageModel;
import org.i2lspark.model.SampleModels;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CostTest {
    private static final StackSettings SETTINGS = new StackSettings(
            "models", EnumSet.allOf(Variant.class), ImagePositions.GRID, DeviceChoice.GPU, ElementType.BFLOAT16, 32);

    @TempDir
    private Path folder;

    @Test
    void theReleasedSizesCostTwoOperationsAWeightAndTokenAndTheirAttention() throws IOException {
        SampleModels.writeReleasedSizes(folder, Set.of(BaseModel.QWEN_IMAGE));
        I2lModel model = I2lModel.inspect(folder, BaseModel.QWEN_IMAGE, EnumSet.allOf(Variant.class));

        double dinov3Weights = 6_716_035_072.0;
        Cost dinov3 = Cost.dinov3(model.encoders().orElseThrow().dinov3(), SETTINGS);
        assertThat(dinov3.weightBytes()).isEqualTo(2 * dinov3Weights);
        assertThat(dinov3.flops())
                .isCloseTo(2 * dinov3Weights * 201 + 40 * 4.0 * 201 * 201 * 4096, within(0.002 * 2.7e12));

        // 40 layers and the head's keys and values
        double siglip2Weights = 40 * (4.0 * 1536 * 1536 + 2 * 1536 * 6144) + 2 * 1536 * 1536;
        assertThat(Cost.siglip2(model.encoders().orElseThrow().siglip2(), SETTINGS)
                        .flops())
                .isCloseTo(2 * siglip2Weights * 576 + 40 * 4.0 * 576 * 576 * 1536, within(0.002 * 1.4e12));

        assertThat(Cost.decode(model.decoders().subList(0, 1), SETTINGS, 59e6))
                .isEqualTo(new Cost(2 * 2_406_481_920.0, 2 * 2_406_481_920.0, 59e6));
        assertThat(Cost.residual(model.decoders().get(1), SETTINGS).flops())
                .isEqualTo(240 * 2 * 71.0 * 1024 * (3584 + 128));
        // 18.8 of the language model and 6.9 of the tower for products, 0.8 for attention, 0.1 to merge
        assertThat(Cost.qwenVl(model.qwenVl().orElseThrow(), 1036, SETTINGS).flops())
                .isCloseTo(26.7e12, within(0.3e12));

        // 20 tokens of text: 14.2 for products and 0.8 for attention at 512 pixels, 55.9 and 12.5 at 1024
        DitConfig transformer = QwenImageModel.inspect(folder).transformer().config();
        assertThat(Cost.transformer(transformer, 1024, 20, ElementType.BFLOAT16).flops())
                .isCloseTo(15.0e12, within(0.1e12));
        assertThat(Cost.transformer(transformer, 4096, 20, ElementType.BFLOAT16).flops())
                .isCloseTo(68.4e12, within(0.1e12));
        // 40.9 GB less 13.6 of modulations
        assertThat(Cost.transformer(transformer, 1024, 20, ElementType.BFLOAT16).weightBytes())
                .isCloseTo(27.3e9, within(0.1e9));
        assertThat(Cost.language(model.qwenVl().orElseThrow().config(), 60, ElementType.BFLOAT16))
                .satisfies(cost -> assertThat(cost.flops()).isCloseTo(0.8e12, within(0.05e12)))
                .satisfies(cost -> assertThat(cost.weightBytes()).isCloseTo(13.1e9, within(0.1e9)));
    }

    @Test
    void whatLimitsAStageIsWhatTakesLongest() {
        DeviceRates rates = new DeviceRates(100, 10, 1);
        assertThat(new Cost(200, 10, 1).leastSeconds(1, rates)).isEqualTo(2);
        assertThat(new Cost(200, 100, 1).leastSeconds(2, rates)).isEqualTo(5);
        assertThat(new Cost(200, 100, 7).leastSeconds(2, rates)).isEqualTo(7);
    }
}
