package org.i2lspark.jobs.generate;

import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.options.FailOn;
import org.i2lspark.jobs.output.FailureReport;
import org.i2lspark.jobs.output.FailureReport.StyleFailure;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.worker.StyleCounts;

/** What a run did. */
public record RunSummary(String runId, String output, double seconds, StyleCounts counts, FailureReport failures) {
    private static final int MAX_TOLD = 20;

    static RunSummary of(String runId, String output, Instant start, StyleCounts counts, FailureReport failures) {
        double seconds = Duration.between(start, Instant.now()).toMillis() / 1e3;
        return new RunSummary(runId, output, seconds, counts, failures);
    }

    /** Failed styles that failed the same way when they were last in a run. */
    public long known() {
        return counts.failed() - failures.fresh();
    }

    /** Whether the run failed for somebody who wants to hear of such failures. */
    public boolean fails(FailOn failOn) {
        return failOn.fails(counts.failed(), failures.fresh());
    }

    /** As the manifest says it. */
    String status() {
        return counts.failed() > 0 ? "done_with_failures" : "done";
    }

    /** The summary for a program: names, those of the manifest where it has them, and values. */
    public Map<String, Object> facts() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("run_id", runId);
        facts.put("status", status());
        facts.put("output", output);
        facts.put("styles_done", counts.done());
        facts.put("styles_skipped", counts.skipped());
        facts.put("styles_failed", counts.failed());
        facts.put("styles_failed_new", failures.fresh());
        facts.put("styles_healed", failures.healed());
        facts.put("styles_failed_before", counts.failedBefore());
        facts.put("images", counts.images());
        facts.put("lora_bytes", counts.loraBytes());
        facts.put("seconds", seconds);
        facts.put("receipts_lost", counts.receiptsLost());
        facts.put("batches_halved", counts.halvings());
        facts.put("failures_by_class", failures.byClass());
        facts.put(
                "failures", failures.listed().stream().map(StyleFailure::facts).toList());
        facts.put("rows", ManifestTable.LORAS.folder(new Path(output), runId).toString());
        return facts;
    }

    /** The summary for a person. */
    public String text() {
        StringBuilder text = new StringBuilder();
        text.append("Styles: %d done, %d skipped (unchanged), %d failed%n"
                .formatted(counts.done(), counts.skipped(), counts.failed()));
        if (counts.done() == 0 && counts.failed() == 0) {
            text.append("Nothing has changed since the last run; no LoRA was written.%n".formatted());
        } else {
            text.append(String.format(
                    Locale.ROOT,
                    "Images: %d in %.1f s, %.2f images/s; LoRAs written: %.1f MB%n",
                    counts.images(),
                    seconds,
                    counts.images() / seconds,
                    counts.loraBytes() / 1e6));
        }
        if (counts.receiptsLost() > 0) {
            text.append("%d results could not be kept for a restart; the store refused them%n"
                    .formatted(counts.receiptsLost()));
        }
        if (counts.halvings() > 0) {
            text.append("%d batches did not fit into memory and were halved; a smaller --batch-size is quicker%n"
                    .formatted(counts.halvings()));
        }
        if (counts.failed() > 0 || failures.healed() > 0) {
            text.append(
                    "Failures: %d new, %d known, %d healed%n".formatted(failures.fresh(), known(), failures.healed()));
        }
        if (counts.failed() > 0) {
            appendFailures(text);
        }
        text.append("Output: %s (loras/, manifest/), run %s%n".formatted(output, runId));
        return text.toString();
    }

    private void appendFailures(StringBuilder text) {
        text.append("Failed styles: %s%n".formatted(failures.byClass()));
        if (counts.failedBefore() > 0) {
            text.append("  %d of them failed before and were not tried again; --retry-failed tries them%n"
                    .formatted(counts.failedBefore()));
        }
        failures.listed().stream()
                .limit(MAX_TOLD)
                .forEach(failure -> text.append("  %s: [%s%s] %s%n"
                        .formatted(
                                Problems.printable(failure.styleId()),
                                failure.errorClass(),
                                failure.fresh() ? "" : ", known",
                                Problems.printable(failure.errorMessage()))));
        if (counts.failed() > MAX_TOLD) {
            text.append("  … and %d more, in the manifest: status = 'failed'%n".formatted(counts.failed() - MAX_TOLD));
        }
    }
}
