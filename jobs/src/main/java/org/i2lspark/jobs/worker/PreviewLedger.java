package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.time.Instant;
import java.util.UUID;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.PreviewOutput.StoredPreview;
import org.i2lspark.jobs.output.Rows;
import org.i2lspark.jobs.output.Rows.Row;
import org.i2lspark.jobs.output.Status;
import org.i2lspark.jobs.storage.Storage;

/** What became of a task's previews: their rows, and the counts. Only the task's own thread writes in it. */
final class PreviewLedger {
    private final PreviewAssignment assignment;
    private final Storage storage;
    private final Counters counters;
    private final Rows rows = new Rows(ManifestTable.PREVIEWS);
    private PreviewCounts counts = PreviewCounts.NONE;

    PreviewLedger(PreviewAssignment assignment, Storage storage, Counters counters) {
        this.assignment = assignment;
        this.storage = storage;
        this.counters = counters;
    }

    /** A picture that was made, which took so long. */
    void done(WantedPreview wanted, StoredPreview preview, double seconds) {
        counts = counts.plus(new PreviewCounts(1, 0, 0, preview.bytes()));
        counters.embedded().add(1L);
        rows.add(row -> fill(row, wanted, Status.DONE, preview).decimal("seconds", seconds));
        settled();
    }

    /** The picture was there before. */
    void skipped(WantedPreview wanted, StoredPreview preview) {
        counts = counts.plus(new PreviewCounts(0, 1, 0, 0));
        rows.add(row -> fill(row, wanted, Status.SKIPPED, preview));
        settled();
    }

    void failed(WantedPreview wanted, Failure failure) {
        counts = counts.plus(new PreviewCounts(0, 0, 1, 0));
        counters.failed().add(1L);
        rows.add(row -> fill(row, wanted, Status.FAILED)
                .text("error_kind", failure.errorClass().kind().id())
                .text("error_class", failure.errorClass().id())
                .text("error_message", failure.message()));
        settled();
    }

    private void settled() {
        counters.images().add(1L);
    }

    private Row fill(Row row, WantedPreview wanted, Status status, StoredPreview preview) {
        return fill(row, wanted, status)
                .text("preview_path", preview.path())
                .number("bytes", preview.bytes())
                .text("sha256", preview.sha256());
    }

    private Row fill(Row row, WantedPreview wanted, Status status) {
        PreviewStyle style = wanted.style();
        return row.text("run_id", assignment.runId())
                .text("style_id", style.id())
                .text("lora_fingerprint", style.loraFingerprint())
                .text("lora_path", style.loraPath())
                .text("lora_sha256", style.loraSha256())
                .text("prompt", wanted.prompt())
                .number("seed", assignment.spec().seed())
                .textMap("settings", assignment.settings())
                .textMap("checkpoints", assignment.order().checkpoints())
                .text("fingerprint", wanted.fingerprint())
                .text("status", status.id())
                .time("created_at", Instant.now());
    }

    /** Writes the rows down for the driver. */
    PreviewResult stage(int part) throws IOException {
        byte[] parquet = rows.toParquet();
        Path scratch = new OutputLayout(assignment.output()).run(assignment.runId());
        Path file = new Path(scratch, "rows/%s-%05d-%s.parquet".formatted(rows.name(), part, UUID.randomUUID()));
        storage.replace(file, scratch, parquet);
        return new PreviewResult(counts, file.toString(), parquet.length);
    }
}
