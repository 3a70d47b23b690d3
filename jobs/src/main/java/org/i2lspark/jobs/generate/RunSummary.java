package org.i2lspark.jobs.generate;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.i2lspark.jobs.generate.PartResult.StyleFailure;

/** What a run did. */
public record RunSummary(
        String runId,
        String output,
        long done,
        long skipped,
        long images,
        long loraBytes,
        double seconds,
        List<StyleFailure> failures) {
    private static final int MAX_LISTED = 20;

    public long failed() {
        return failures.size();
    }

    /** The summary for a person. */
    public String text() {
        StringBuilder text = new StringBuilder();
        text.append("Styles: %d done, %d skipped (unchanged), %d failed%n".formatted(done, skipped, failed()));
        if (done == 0 && failures.isEmpty()) {
            text.append("Nothing has changed since the last run; no LoRA was written.%n".formatted());
        } else {
            text.append(String.format(
                    Locale.ROOT,
                    "Images: %d in %.1f s, %.2f images/s; LoRAs written: %.1f MB%n",
                    images,
                    seconds,
                    images / seconds,
                    loraBytes / 1e6));
        }
        if (!failures.isEmpty()) {
            appendFailures(text);
        }
        text.append("Output: %s (loras/, manifest/), run %s%n".formatted(output, runId));
        return text.toString();
    }

    private void appendFailures(StringBuilder text) {
        Map<String, Long> byClass = failures.stream()
                .collect(Collectors.groupingBy(
                        failure -> failure.failure().errorClass().id(), TreeMap::new, Collectors.counting()));
        text.append("Failed styles: %s%n".formatted(byClass));
        failures.stream()
                .limit(MAX_LISTED)
                .forEach(failure -> text.append("  %s: [%s] %s%n"
                        .formatted(
                                failure.styleId(),
                                failure.failure().errorClass().id(),
                                failure.failure().message())));
        if (failures.size() > MAX_LISTED) {
            text.append(
                    "  … and %d more, in the manifest: status = 'failed'%n".formatted(failures.size() - MAX_LISTED));
        }
    }
}
