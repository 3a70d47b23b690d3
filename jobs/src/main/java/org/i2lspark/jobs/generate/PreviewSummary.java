package org.i2lspark.jobs.generate;

import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.worker.PreviewCounts;

/** What a run of previews did. */
public record PreviewSummary(String runId, String output, double seconds, PreviewCounts counts) {
    static PreviewSummary of(String runId, String output, Instant start, PreviewCounts counts) {
        return new PreviewSummary(
                runId, output, Duration.between(start, Instant.now()).toMillis() / 1e3, counts);
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
        facts.put("previews_done", counts.done());
        facts.put("previews_skipped", counts.skipped());
        facts.put("previews_failed", counts.failed());
        facts.put("preview_bytes", counts.bytes());
        facts.put("seconds", seconds);
        facts.put("rows", ManifestTable.PREVIEWS.folder(new Path(output), runId).toString());
        return facts;
    }

    /** The summary for a person. */
    public String text() {
        String made = String.format(
                Locale.ROOT,
                "Previews: %d done, %d skipped (unchanged), %d failed; %.1f s, %.1f MB%n",
                counts.done(),
                counts.skipped(),
                counts.failed(),
                seconds,
                counts.bytes() / 1e6);
        String failed = counts.failed() == 0
                ? ""
                : "Why: scripts/i2l query OUTPUT \"SELECT style_id, prompt, error_message FROM previews WHERE status = 'failed'\"%n"
                        .formatted();
        return "%s%sOutput: %s (previews/, manifest/previews/), run %s%n".formatted(made, failed, output, runId);
    }
}
