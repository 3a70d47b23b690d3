package org.i2lspark.jobs.options;

import java.io.Serializable;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.model.QwenImageRelease;

/**
 * Which pictures are made of each LoRA, to see what it does.
 *
 * @param negativePrompt what guidance drives away from
 * @param seed of the noise, the same for all
 * @param strength of each style's LoRA
 * @param distilled path or URI of a LoRA for few steps, which acts beside each style's; null for none
 */
public record PreviewSpec(
        List<String> prompts,
        String negativePrompt,
        long seed,
        PictureSettings picture,
        double strength,
        String distilled,
        StyleChoice styles)
        implements Serializable {
    private static final List<String> PROMPTS = List.of("a cat", "a dog", "a girl");
    /** As Qwen's own examples have it. */
    public static final String EMPTY_NEGATIVE_PROMPT = " ";

    private static final String SIZE = "512x512";
    private static final int DISTILLED_STEPS = 4;
    private static final int STEPS = 20;
    private static final double GUIDANCE = 4;

    public PreviewSpec {
        prompts = List.copyOf(prompts);
    }

    public Optional<String> distilledLora() {
        return Optional.ofNullable(distilled);
    }

    /** What is made where nothing is said. */
    public static PreviewSpec usual() {
        try {
            return parse("previews", "", "");
        } catch (UnusableException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * Reads a specification in YAML. What it does not say is as usual.
     *
     * @param location names it in messages
     * @param folder to which a distilled LoRA's path is relative; a path that ends in a slash, or empty
     * @throws UnusableException if it is no YAML, names something that there is not, or has a value that makes no picture
     */
    public static PreviewSpec parse(String location, String folder, String yaml) throws UnusableException {
        YamlFields fields = YamlFields.parse(location, yaml);
        List<String> prompts = fields.texts("prompts", PROMPTS);
        if (prompts.isEmpty() || new HashSet<>(prompts).size() < prompts.size()) {
            throw new UnusableException(
                    "Invalid prompts in %s: %s (expected at least one, each once)".formatted(location, prompts));
        }
        Optional<String> distilled = fields.text("distilled");
        PictureSettings.Size size = PictureSettings.Size.parse(
                "size in " + location, fields.text("size").orElse(SIZE));
        SchedulerChoice scheduler = fields.choice(
                "scheduler",
                SchedulerChoice.class,
                distilled.isPresent() ? SchedulerChoice.LIGHTNING : SchedulerChoice.QWEN);
        PictureSettings picture = new PictureSettings(
                fields.choice("model", QwenImageRelease.class, QwenImageRelease.QWEN_IMAGE),
                size.width(),
                size.height(),
                (int) fields.wholeNumber(
                        "steps",
                        PictureSettings.MIN_STEPS,
                        PictureSettings.MAX_STEPS,
                        distilled.isPresent() ? DISTILLED_STEPS : STEPS),
                fields.number("cfg", 1, PictureSettings.MAX_GUIDANCE, distilled.isPresent() ? 1 : GUIDANCE),
                GuidanceRescale.ON,
                scheduler,
                LoraPasses.BOTH);
        String styles = fields.text("styles").orElse(StyleChoice.ALL.text());
        PreviewSpec spec = new PreviewSpec(
                prompts,
                fields.text("negative_prompt").orElse(EMPTY_NEGATIVE_PROMPT),
                fields.wholeNumber("seed", 0, Long.MAX_VALUE, 0),
                picture,
                fields.number("strength", -PictureSettings.MAX_STRENGTH, PictureSettings.MAX_STRENGTH, 1),
                distilled.map(path -> isAbsolute(path) ? path : folder + path).orElse(null),
                StyleChoice.parse("styles in " + location, styles));
        fields.requireNoOthers();
        return spec;
    }

    private static boolean isAbsolute(String path) {
        return LocalFolders.isUri(path) || path.startsWith("/");
    }

    /** Names and values, as a manifest shows them beside prompt and seed. */
    public Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>(picture.facts());
        if (picture.isGuided()) {
            settings.put("negative_prompt", negativePrompt);
        }
        settings.put("strength", PictureSettings.number(strength));
        distilledLora().ifPresent(path -> settings.put("distilled", path));
        return settings;
    }
}
