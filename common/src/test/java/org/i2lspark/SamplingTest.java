package org.i2lspark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.i2lspark.Sampling.GuidanceRescaling;
import org.i2lspark.Sampling.LoraScope;
import org.i2lspark.Sampling.Scheduler;
import org.i2lspark.torch.ElementType;
import org.junit.jupiter.api.Test;

class SamplingTest {
    private static Sampling of(int width, int height, int steps, double guidanceScale, Scheduler scheduler) {
        return new Sampling(
                width,
                height,
                steps,
                guidanceScale,
                GuidanceRescaling.NONE,
                scheduler,
                LoraScope.BOTH,
                ElementType.FLOAT32);
    }

    private static void assertRefused(
            String message, int width, int height, int steps, double guidanceScale, Scheduler scheduler) {
        assertThatThrownBy(() -> of(width, height, steps, guidanceScale, scheduler))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void theDefaultsAreTheAuthors() {
        Sampling sampling = Sampling.ofSize(1328, 1024);
        assertThat(sampling)
                .isEqualTo(new Sampling(
                        1328,
                        1024,
                        50,
                        4,
                        GuidanceRescaling.TO_CONDITIONAL,
                        Scheduler.QWEN,
                        LoraScope.BOTH,
                        ElementType.FLOAT32));
        assertThat(sampling.columns()).isEqualTo(83);
        assertThat(sampling.rows()).isEqualTo(64);
    }

    @Test
    void sidesAreMultiplesOfACell() {
        assertRefused("Invalid width: 100 (expected a multiple of 16)", 100, 64, 4, 1, Scheduler.QWEN);
        assertRefused("Invalid height: 0 (expected a multiple of 16)", 64, 0, 4, 1, Scheduler.QWEN);
        assertRefused("Invalid width: -16 (expected a multiple of 16)", -16, 64, 4, 1, Scheduler.QWEN);
        assertRefused(
                "Invalid size: 32000x32000 pixels (expected at most 715827882 in all)",
                32000,
                32000,
                4,
                1,
                Scheduler.QWEN);
    }

    @Test
    void aSingleStepIsForDistilledModelsAlone() {
        assertRefused("Invalid steps: 1 (expected 2 or more)", 64, 64, 1, 1, Scheduler.QWEN);
        assertRefused("Invalid steps: 0 (expected 1 or more)", 64, 64, 0, 1, Scheduler.LIGHTNING);
        assertThat(of(64, 64, 1, 1, Scheduler.LIGHTNING).steps()).isEqualTo(1);
    }

    @Test
    void guidanceIsNoneOrMore() {
        assertRefused("Invalid guidance scale: 0.5 (expected 1, for none, or more)", 64, 64, 4, 0.5, Scheduler.QWEN);
        assertRefused(
                "Invalid guidance scale: NaN (expected 1, for none, or more)", 64, 64, 4, Double.NaN, Scheduler.QWEN);
        assertThat(of(64, 64, 4, 1, Scheduler.QWEN).isGuided()).isFalse();
        assertThat(of(64, 64, 4, 1.5, Scheduler.QWEN).isGuided()).isTrue();
    }

    @Test
    void noiseIsFloat32OrBfloat16() {
        assertThatThrownBy(() -> new Sampling(
                        64, 64, 4, 1, GuidanceRescaling.NONE, Scheduler.QWEN, LoraScope.BOTH, ElementType.UINT8))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("Invalid type of noise: UINT8 (expected FLOAT32 or BFLOAT16)");
    }
}
