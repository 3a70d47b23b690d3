package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.FinishedLora;
import org.i2lspark.jobs.output.ImageFacts;
import org.i2lspark.jobs.output.Receipt;
import org.i2lspark.jobs.output.StagedRows;
import org.i2lspark.jobs.storage.Storage;

/** What became of a task's styles: their rows, and the counts. Only the task's own thread writes in it. */
final class TaskLedger {
    private final Storage storage;
    private final Path scratch;
    private final TaskProgress progress;
    private final StyleRows rows;
    private StyleCounts counts = StyleCounts.NONE;

    TaskLedger(Storage storage, Path scratch, Counters counters, StyleRows rows) {
        this.storage = storage;
        this.scratch = scratch;
        this.progress = new TaskProgress(counters);
        this.rows = rows;
    }

    /** An image of a style went through the stack. */
    void embedded(Style style) {
        progress.embedded(style);
    }

    void done(Style style, FinishedLora finished, List<ImageFacts> facts, Map<String, Double> seconds) {
        counts = counts.plusDone(facts.size(), finished.bytes());
        progress.settled(style);
        rows.addDone(style, finished, facts, seconds);
    }

    /** The LoRA was there before. */
    void skipped(Style style, Receipt receipt) {
        counts = counts.plusSkipped();
        progress.settled(style);
        rows.addSkipped(style, receipt);
    }

    void failed(Style style, Failure failure, List<ImageFacts> facts) {
        counts = counts.plusFailed();
        addFailed(style, failure, facts);
    }

    /** A style failed in an earlier run, and was not tried again. */
    void failedBefore(Style style, Failure failure, List<ImageFacts> facts) {
        counts = counts.plusFailedBefore();
        addFailed(style, failure, facts);
    }

    private void addFailed(Style style, Failure failure, List<ImageFacts> facts) {
        progress.settled(style);
        progress.failed();
        rows.addFailed(style, failure, facts);
    }

    void receiptLost() {
        counts = counts.plusReceiptLost();
    }

    void halved(int times) {
        counts = counts.plusHalvings(times);
    }

    /** Writes the rows down for the driver, which takes those of one attempt at each partition. */
    PartResult stage(int part) throws IOException {
        byte[] loras = rows.loras().toParquet();
        byte[] images = rows.images().toParquet();
        StagedRows staged = new StagedRows(
                stage(part, rows.loras().name(), loras),
                stage(part, rows.images().name(), images),
                loras.length + images.length);
        return new PartResult(counts, staged);
    }

    private String stage(int part, String table, byte[] parquet) throws IOException {
        Path file = new Path(scratch, "rows/%s-%05d-%s.parquet".formatted(table, part, UUID.randomUUID()));
        storage.replace(file, scratch, parquet);
        return file.toString();
    }
}
