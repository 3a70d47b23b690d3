package org.i2lspark.jobs.output;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;

/**
 * When rows of a style named one of its LoRAs.
 *
 * @param path relative to the output
 * @param first milliseconds since 1970
 * @param last milliseconds since 1970
 * @param isOfNewestRun whether the newest run has such a row
 */
record LoraUse(String path, long first, long last, boolean isOfNewestRun) implements Serializable {
    /**
     * Paths of those that others have superseded.
     *
     * @param all of one style and base model
     * @param versions how many stay, the last used among them
     * @param before what was superseded later stays, in milliseconds since 1970
     */
    static List<String> superseded(Iterable<LoraUse> all, int versions, long before) {
        List<LoraUse> sorted = new ArrayList<>();
        all.forEach(sorted::add);
        sorted.sort(Comparator.comparingLong(LoraUse::last).reversed());
        List<String> superseded = new ArrayList<>();
        for (LoraUse use : sorted.subList(Math.min(versions, sorted.size()), sorted.size())) {
            // those that other runs use side by side have none
            OptionalLong next = sorted.stream()
                    .mapToLong(LoraUse::first)
                    .filter(first -> first > use.last)
                    .min();
            if (!use.isOfNewestRun && next.isPresent() && next.getAsLong() < before) {
                superseded.add(use.path);
            }
        }
        return superseded;
    }
}
