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
import org.i2lspark.jobs.output.Rows;
import org.i2lspark.jobs.storage.Storage;

/** What became of a task's styles: their rows, and the counts. Only the task's own thread writes in it. */
final class TaskLedger {
    private final Storage storage;
    private final Path scratch;
    private final Counters counters;
    private final StyleRows rows;
    private final PartResult.Tally tally = new PartResult.Tally();

    TaskLedger(Storage storage, Path scratch, Counters counters, StyleRows rows) {
        this.storage = storage;
        this.scratch = scratch;
        this.counters = counters;
        this.rows = rows;
    }

    void done(Style style, FinishedLora finished, List<ImageFacts> facts, Map<String, Double> seconds) {
        tally.done++;
        tally.images += facts.size();
        tally.loraBytes += finished.bytes();
        counters.addStyle(facts.size());
        counters.embedded().add((long) facts.size());
        rows.addDone(style, finished, facts, seconds);
    }

    /** The LoRA was there before. */
    void skipped(Style style, Receipt receipt) {
        tally.skipped++;
        counters.addStyle(style.images().size());
        rows.addSkipped(style, receipt.lora(), receipt.images());
    }

    void failed(Style style, Failure failure, List<ImageFacts> facts) {
        tally.addFailure(style.id(), failure);
        counters.addStyle(style.images().size());
        counters.failed().add(1L);
        rows.addFailed(style, failure, facts);
    }

    /** A style failed in an earlier run, and was not tried again. */
    void failedBefore(Style style, Failure failure, List<ImageFacts> facts) {
        tally.failedBefore++;
        failed(style, failure, facts);
    }

    void receiptLost() {
        tally.receiptsLost++;
    }

    void halved(int times) {
        tally.halvings += times;
    }

    /** Writes the rows down for the driver, which takes those of one attempt at each partition. */
    PartResult stage(int part) throws IOException {
        return tally.toResult(part, stage(part, rows.loras()), stage(part, rows.images()));
    }

    private String stage(int part, Rows table) throws IOException {
        Path file = new Path(scratch, "rows/%s-%05d-%s.parquet".formatted(table.name(), part, UUID.randomUUID()));
        byte[] parquet = table.toParquet();
        storage.replace(file, scratch, parquet);
        tally.stagedBytes += parquet.length;
        return file.toString();
    }
}
