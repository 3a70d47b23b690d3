package org.i2lspark.jobs.options;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.i2lspark.jobs.UnusableException;
import org.i2lspark.model.QwenImageRelease;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PreviewSpecTest {
    private static PreviewSpec parse(String yaml) throws UnusableException {
        return PreviewSpec.parse("previews.yaml", "/of/", yaml);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "# nothing\n", "seed: 0\n", "prompts:\n", "{}"})
    void whatIsNotSaidIsAsUsual(String yaml) throws UnusableException {
        PreviewSpec spec = parse(yaml);
        assertThat(spec).isEqualTo(PreviewSpec.usual());
        assertThat(spec.prompts()).containsExactly("a cat", "a dog", "a girl");
        assertThat(spec.seed()).isZero();
        assertThat(spec.strength()).isEqualTo(1);
        assertThat(spec.styles()).isEqualTo(StyleChoice.ALL);
        assertThat(spec.picture())
                .isEqualTo(new PictureSettings(
                        QwenImageRelease.QWEN_IMAGE,
                        512,
                        512,
                        20,
                        4,
                        GuidanceRescale.ON,
                        SchedulerChoice.QWEN,
                        LoraPasses.BOTH));
    }

    @Test
    void aDistilledLoraTakesFewStepsWithoutGuidance() throws UnusableException {
        PreviewSpec spec = parse("distilled: lightning.safetensors");
        assertThat(spec.distilledLora()).contains("/of/lightning.safetensors");
        assertThat(spec.picture())
                .isEqualTo(new PictureSettings(
                        QwenImageRelease.QWEN_IMAGE,
                        512,
                        512,
                        4,
                        1,
                        GuidanceRescale.ON,
                        SchedulerChoice.LIGHTNING,
                        LoraPasses.BOTH));
        assertThat(parse("distilled: s3a://b/l.safetensors").distilledLora()).contains("s3a://b/l.safetensors");
        assertThat(parse("distilled: /l.safetensors").distilledLora()).contains("/l.safetensors");
        assertThat(parse("distilled: l.safetensors\nsteps: 8\ncfg: 2.5\nscheduler: qwen")
                        .picture())
                .isEqualTo(new PictureSettings(
                        QwenImageRelease.QWEN_IMAGE,
                        512,
                        512,
                        8,
                        2.5,
                        GuidanceRescale.ON,
                        SchedulerChoice.QWEN,
                        LoraPasses.BOTH));
    }

    @Test
    void allCanBeSaid() throws UnusableException {
        PreviewSpec spec = parse("""
                prompts:
                  - a cat
                  - "“你好”, ink"
                negative_prompt: blurry
                seed: 7
                size: 768x1024
                steps: 30
                cfg: 3
                strength: 0.8
                scheduler: Lightning
                styles: every 10
                model: qwen-image-2512
                """);
        assertThat(spec.prompts()).containsExactly("a cat", "“你好”, ink");
        assertThat(spec.negativePrompt()).isEqualTo("blurry");
        assertThat(spec.seed()).isEqualTo(7);
        assertThat(spec.strength()).isEqualTo(0.8);
        assertThat(spec.styles()).isEqualTo(new StyleChoice(StyleChoice.Way.EACH, 10));
        assertThat(spec.picture())
                .isEqualTo(new PictureSettings(
                        QwenImageRelease.QWEN_IMAGE_2512,
                        768,
                        1024,
                        30,
                        3,
                        GuidanceRescale.ON,
                        SchedulerChoice.LIGHTNING,
                        LoraPasses.BOTH));
        assertThat(parse("prompts: one alone").prompts()).containsExactly("one alone");
        assertThat(parse("styles: first of brand").styles().way()).isEqualTo(StyleChoice.Way.FIRST_OF_BRAND);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "promts: [a]        | 'promts' (there is none of that name; did you mean prompts?)",
                "step: 4            | did you mean steps?",
                "negative-prompt: a | did you mean negative_prompt?",
                "steps: 1           | Invalid steps in previews.yaml: 1 (expected a whole number from 2 to 1000)",
                "steps: four        | Invalid steps in previews.yaml: \"four\"",
                "steps: 4.5         | Invalid steps in previews.yaml: 4.5",
                "seed: -1           | Invalid seed in previews.yaml: -1",
                "seed: 99999999999999999999 | Invalid seed",
                "cfg: 0.5           | Invalid cfg in previews.yaml: 0.5 (expected a number from 1 to 100)",
                "cfg: .nan          | Cannot read previews.yaml: line 1: ",
                "strength: much     | Invalid strength",
                "size: 512          | Invalid size in previews.yaml: '512' (expected WIDTHxHEIGHT",
                "size: 100x512      | Invalid size",
                "size: 0x512        | Invalid size",
                "size: 512x8192     | Invalid size",
                "scheduler: euler   | Invalid scheduler in previews.yaml: \"euler\" (expected qwen or lightning)",
                "styles: some       | Invalid styles in previews.yaml: 'some' (expected all, first of brand, or every N",
                "styles: every 0    | Invalid styles",
                "prompts: []        | Invalid prompts",
                "prompts: [a, a]    | Invalid prompts in previews.yaml: [a, a] (expected at least one, each once)",
                "prompts: [a, ' ']  | Invalid prompts",
                "prompts: {a: b}    | Invalid prompts",
                "negative_prompt: [a] | Invalid negative_prompt",
                "just a sentence    | it is no list of fields",
                "seed: 0: 1         | Cannot read previews.yaml: line 1: mapping values are not allowed here",
                "seed: [            | Cannot read previews.yaml"
            })
    void whatMakesNoPictureIsRefused(String yaml, String message) {
        assertThatThrownBy(() -> parse(yaml))
                .isInstanceOf(UnusableException.class)
                .hasMessageContaining(message)
                .message()
                .doesNotContain("\n");
    }

    @Test
    void aFieldThatIsSaidTwiceIsRefused() {
        assertThatThrownBy(() -> parse("seed: 0\nseed: 1"))
                .isInstanceOf(UnusableException.class)
                .hasMessageContaining("seed");
    }

    @Test
    void aBrandIsTheFirstElementOfAnId() {
        assertThat(StyleChoice.brand("acme/x/y")).isEqualTo("acme");
        assertThat(StyleChoice.brand("solo")).isEqualTo("solo");
    }
}
