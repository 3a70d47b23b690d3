package org.i2lspark.jobs.cli;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import org.i2lspark.jobs.UnusableException;

/** Where pictures are written: to a file, to files that a pattern names, or into a folder. */
final class PictureNames {
    private static final String ENDING = ".png";
    private static final String IN_FOLDER = "{number}-{prompt}-{seed}" + ENDING;
    private static final int MAX_PROMPT_CHARACTERS = 60;

    private PictureNames() {}

    /** What tells a picture from the others. */
    record Wanted(String prompt, long seed) {}

    /**
     * The file of each picture.
     *
     * @param output a file, whose name may have {@code {number}}, {@code {prompt}} and {@code {seed}} in it; or a folder
     * @throws UnusableException if several would be written to one file
     */
    static List<String> of(String output, List<Wanted> pictures) throws UnusableException {
        boolean isFile = output.toLowerCase(Locale.ROOT).endsWith(ENDING);
        String pattern = isFile ? output : output.replaceFirst("/*$", "/") + IN_FOLDER;
        List<String> names = new ArrayList<>();
        int digits = String.valueOf(pictures.size()).length();
        for (int i = 0; i < pictures.size(); i++) {
            Wanted picture = pictures.get(i);
            names.add(pattern.replace("{number}", ("%0" + digits + "d").formatted(i + 1))
                    .replace("{seed}", String.valueOf(picture.seed()))
                    .replace("{prompt}", safe(picture.prompt())));
        }
        if (new HashSet<>(names).size() < names.size()) {
            throw new UnusableException(
                    "Invalid --output: %s (%d pictures; expected a folder, or a name with {number}, {prompt} or {seed} in it that is different for each)"
                            .formatted(output, pictures.size()));
        }
        return names;
    }

    private static String safe(String prompt) {
        String safe = prompt.replaceAll("[^\\p{L}\\p{N}._-]+", "_");
        return safe.codePointCount(0, safe.length()) <= MAX_PROMPT_CHARACTERS
                ? safe
                : safe.substring(0, safe.offsetByCodePoints(0, MAX_PROMPT_CHARACTERS));
    }
}
