package org.i2lspark.jobs.worker;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.i2lspark.Version;
import org.i2lspark.jobs.options.PictureSettings;
import org.i2lspark.jobs.options.SchedulerChoice;

/**
 * What a picture says of itself: under {@code parameters} in the form that Stable Diffusion WebUI began and other tools read, and
 * in fields of our own, each by itself.
 */
public final class PictureTexts {
    /** As WebUI shortens hashes of model files (AutoV2). */
    private static final int HASH_CHARACTERS = 10;

    private static final String PARAMETERS = "parameters";

    private PictureTexts() {}

    /**
     * A LoRA that acted on a picture.
     *
     * @param name of its file, without ending
     * @param sha256 of its file, in hex
     */
    public record UsedLora(String name, String sha256, double strength) {}

    /** The name of a LoRA's file, without folders and ending. */
    public static String name(String path) {
        return path.replaceFirst("/+$", "").replaceFirst("^.*/", "").replaceFirst("\\.safetensors$", "");
    }

    /** The texts of a picture, by keyword. */
    public static Map<String, String> of(
            String prompt, String negativePrompt, long seed, PictureSettings settings, List<UsedLora> loras) {
        Map<String, String> texts = new TreeMap<>();
        texts.put(PARAMETERS, parameters(prompt, negativePrompt, seed, settings, loras));
        texts.put("i2l.software", "i2l-spark " + Version.text());
        texts.put("i2l.prompt", prompt);
        if (settings.isGuided()) {
            texts.put("i2l.negative_prompt", negativePrompt);
        }
        texts.put("i2l.seed", String.valueOf(seed));
        settings.facts().forEach((name, value) -> texts.put("i2l." + name, value));
        if (!loras.isEmpty()) {
            texts.put(
                    "i2l.loras",
                    loras.stream()
                            .map(lora -> lora.sha256() + ":" + PictureSettings.number(lora.strength()))
                            .collect(Collectors.joining(",")));
        }
        return texts;
    }

    private static String parameters(
            String prompt, String negativePrompt, long seed, PictureSettings settings, List<UsedLora> loras) {
        List<String> fields = new ArrayList<>(List.of(
                "Steps: " + settings.steps(),
                "Sampler: Euler",
                "Schedule type: " + (settings.scheduler() == SchedulerChoice.QWEN ? "Qwen-Image" : "Lightning"),
                "CFG scale: " + PictureSettings.number(settings.guidanceScale()),
                "Seed: " + seed,
                "Size: %dx%d".formatted(settings.width(), settings.height()),
                "Model: " + settings.model().title()));
        if (!loras.isEmpty()) {
            fields.add("Lora hashes: \"%s\""
                    .formatted(loras.stream()
                            .map(lora ->
                                    plain(lora.name()) + ": " + lora.sha256().substring(0, HASH_CHARACTERS))
                            .collect(Collectors.joining(", "))));
            fields.add("Lora strengths: \"%s\""
                    .formatted(loras.stream()
                            .map(lora -> plain(lora.name()) + ": " + PictureSettings.number(lora.strength()))
                            .collect(Collectors.joining(", "))));
        }
        fields.add("Version: i2l-spark " + Version.text());
        String negative = settings.isGuided() ? "\nNegative prompt: " + negativePrompt : "";
        return prompt + negative + "\n" + String.join(", ", fields);
    }

    /** Without what separates fields. */
    private static String plain(String name) {
        return name.replaceAll("[\",:\\s]+", " ");
    }
}
