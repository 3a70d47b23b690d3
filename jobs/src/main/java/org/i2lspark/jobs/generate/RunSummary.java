package org.i2lspark.jobs.generate;

import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.worker.PartResult;
import org.i2lspark.jobs.worker.PartResult.StyleFailure;

/**
 * What a run did.
 *
 * @param failedBefore how many of the failed were not tried again
 * @param receiptsLost how many results could not be kept for a restart
 * @param halvings how often a batch did not fit into memory and was halved
 * @param failures some of them
 */
public record RunSummary(
        String runId,
        String output,
        long done,
        long skipped,
        long failed,
        long failedBefore,
        long images,
        long loraBytes,
        double seconds,
        long receiptsLost,
        long halvings,
        Map<String, Long> failuresByClass,
        List<StyleFailure> failures) {
    private static final int MAX_LISTED = 1000;
    private static final int MAX_TOLD = 20;

    static RunSummary of(String runId, String output, Instant start, List<PartResult> results) {
        Map<String, Long> byClass = new TreeMap<>();
        results.forEach(result ->
                result.failuresByClass().forEach((errorClass, count) -> byClass.merge(errorClass, count, Long::sum)));
        return new RunSummary(
                runId,
                output,
                sum(results, PartResult::done),
                sum(results, PartResult::skipped),
                sum(results, PartResult::failed),
                sum(results, PartResult::failedBefore),
                sum(results, PartResult::images),
                sum(results, PartResult::loraBytes),
                Duration.between(start, Instant.now()).toMillis() / 1e3,
                sum(results, PartResult::receiptsLost),
                sum(results, PartResult::halvings),
                byClass,
                results.stream()
                        .flatMap(result -> result.failures().stream())
                        .sorted(Comparator.comparing(StyleFailure::styleId))
                        .limit(MAX_LISTED)
                        .toList());
    }

    private static long sum(List<PartResult> results, ToLongFunction<PartResult> count) {
        return results.stream().mapToLong(count).sum();
    }

    /** As the manifest says it. */
    String status() {
        return failed > 0 ? "done_with_failures" : "done";
    }

    /** The summary for a program: names, those of the manifest where it has them, and values. */
    public Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("run_id", runId);
        facts.put("status", status());
        facts.put("output", output);
        facts.put("styles_done", done);
        facts.put("styles_skipped", skipped);
        facts.put("styles_failed", failed);
        facts.put("styles_failed_before", failedBefore);
        facts.put("images", images);
        facts.put("lora_bytes", loraBytes);
        facts.put("seconds", seconds);
        facts.put("receipts_lost", receiptsLost);
        facts.put("batches_halved", halvings);
        facts.put("failures_by_class", failuresByClass);
        facts.put("failures", failures.stream().map(StyleFailure::facts).toList());
        facts.put("rows", ManifestTable.LORAS.folder(new Path(output), runId).toString());
        return facts;
    }

    /** The summary for a person. */
    public String text() {
        StringBuilder text = new StringBuilder();
        text.append("Styles: %d done, %d skipped (unchanged), %d failed%n".formatted(done, skipped, failed));
        if (done == 0 && failed == 0) {
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
        if (receiptsLost > 0) {
            text.append("%d results could not be kept for a restart; the store refused them%n".formatted(receiptsLost));
        }
        if (halvings > 0) {
            text.append("%d batches did not fit into memory and were halved; a smaller --batch-size is quicker%n"
                    .formatted(halvings));
        }
        if (failed > 0) {
            appendFailures(text);
        }
        text.append("Output: %s (loras/, manifest/), run %s%n".formatted(output, runId));
        return text.toString();
    }

    private void appendFailures(StringBuilder text) {
        text.append("Failed styles: %s%n".formatted(failuresByClass));
        if (failedBefore > 0) {
            text.append("  %d of them failed before and were not tried again; --retry-failed tries them%n"
                    .formatted(failedBefore));
        }
        failures.stream()
                .limit(MAX_TOLD)
                .forEach(failure -> text.append("  %s: [%s] %s%n"
                        .formatted(
                                failure.styleId(),
                                failure.failure().errorClass().id(),
                                failure.failure().message())));
        if (failed > MAX_TOLD) {
            text.append("  … and %d more, in the manifest: status = 'failed'%n".formatted(failed - MAX_TOLD));
        }
    }
}
