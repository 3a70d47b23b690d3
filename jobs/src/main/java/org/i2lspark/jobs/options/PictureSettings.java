package org.i2lspark.jobs.options;

import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.model.QwenImageRelease;

/**
 * How a picture is made of noise, whatever it shows.
 *
 * @param width in pixels, as height a multiple of {@value #GRID}
 * @param guidanceScale how far the velocity of the prompt is driven away from that of the negative prompt (classifier-free
 *     guidance); 1 is no guidance, and half the work
 */
public record PictureSettings(
        QwenImageRelease model,
        int width,
        int height,
        int steps,
        double guidanceScale,
        GuidanceRescale rescale,
        SchedulerChoice scheduler,
        LoraPasses loraPasses)
        implements Serializable {
    public static final int MIN_STEPS = 2;
    public static final int MAX_STEPS = 1000;
    public static final double MAX_GUIDANCE = 100;
    /** Of a LoRA, in either direction. */
    public static final double MAX_STRENGTH = 100;

    private static final int GRID = 16;
    private static final int MAX_SIDE = 4096;
    private static final Pattern SIZE = Pattern.compile("(\\d{1,5})[xX×](\\d{1,5})");

    /** Width and height in pixels. */
    public record Size(int width, int height) {
        /**
         * Reads a size such as {@code 1024x768}.
         *
         * @throws UnusableException if it is none that the model can make
         */
        public static Size parse(String name, String text) throws UnusableException {
            Matcher size = SIZE.matcher(text);
            if (!size.matches() || !isSide(size.group(1)) || !isSide(size.group(2))) {
                throw new UnusableException(
                        "Invalid %s: '%s' (expected WIDTHxHEIGHT, each a multiple of %d from %d to %d, such as 1024x768)"
                                .formatted(name, text, GRID, GRID, MAX_SIDE));
            }
            return new Size(Integer.parseInt(size.group(1)), Integer.parseInt(size.group(2)));
        }

        private static boolean isSide(String text) {
            int side = Integer.parseInt(text);
            return side >= GRID && side <= MAX_SIDE && side % GRID == 0;
        }
    }

    /** Whether a negative prompt matters. */
    public boolean isGuided() {
        return guidanceScale > 1;
    }

    /** Names and values, as a manifest shows them, and a picture of itself. */
    public Map<String, String> facts() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("model", model.title());
        facts.put("size", "%dx%d".formatted(width, height));
        facts.put("steps", String.valueOf(steps));
        facts.put("scheduler", GenerateOptions.lower(scheduler));
        facts.put("cfg", number(guidanceScale));
        if (isGuided()) {
            facts.put("cfg_rescale", GenerateOptions.lower(rescale));
            facts.put("lora_passes", GenerateOptions.lower(loraPasses));
        }
        return facts;
    }

    /** A number as a person writes it: {@code 4} and {@code 0.8}. */
    public static String number(double value) {
        return value == Math.rint(value) ? String.format(Locale.ROOT, "%.0f", value) : String.valueOf(value);
    }
}
