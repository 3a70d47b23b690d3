package org.i2lspark.jobs.options;

import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;

/** Of the names that there are, the one that a mistyped name was probably meant to be. */
final class Nearest {
    private Nearest() {}

    /** The name of which the fewest letters differ. */
    static String to(String name, Collection<String> names) {
        return names.stream()
                .min(Comparator.comparingInt(other -> distance(other, name)))
                .orElseThrow();
    }

    /** How many letters must be put in, taken out or replaced (Levenshtein). */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        Arrays.setAll(row, i -> i);
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[b.length()];
    }
}
