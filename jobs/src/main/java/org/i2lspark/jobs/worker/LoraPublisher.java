package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.Failure.Kind;
import org.i2lspark.jobs.output.FinishedLora;
import org.i2lspark.jobs.output.ImageFacts;
import org.i2lspark.jobs.output.Output;
import org.i2lspark.jobs.output.Output.Published;
import org.i2lspark.jobs.output.Receipt;
import org.i2lspark.jobs.worker.StyleJob.MadeLora;
import org.i2lspark.jobs.worker.StyleReader.ReadStyle;

/** Writes LoRAs and receipts, in any thread. What comes of it is told to the ledger by the task's own thread. */
final class LoraPublisher implements AutoCloseable {
    private final Assignment assignment;
    private final String runId;
    private final Output output;
    private final TaskLedger ledger;
    private volatile boolean closed;

    LoraPublisher(Assignment assignment, Output output, TaskLedger ledger) {
        this.assignment = assignment;
        this.runId = assignment.run().id();
        this.output = output;
        this.ledger = ledger;
    }

    /** LoRAs that wait to be written are closed instead. */
    @Override
    public void close() {
        closed = true;
    }

    /** Only what lies in the images themselves would be the same again; all else may have passed by the next run. */
    void fail(ReadStyle read, Failure failure) {
        List<ImageFacts> facts = StyleReader.facts(read.images());
        if (read.fingerprint() != null
                && failure.errorClass().kind() == Kind.IMAGE
                && !output.remember(
                        read.style().id(),
                        read.fingerprint(),
                        Receipt.ofFailure(runId, failure, assignment.limits().text(), facts))) {
            ledger.receiptLost();
        }
        ledger.failed(read.style(), failure, facts);
    }

    /**
     * Writes a LoRA, and closes it.
     *
     * @return what the ledger is to be told
     */
    Runnable write(ReadStyle read, MadeLora made) {
        try (made) {
            if (closed) {
                return () -> {};
            }
            List<ImageFacts> facts = facts(read, made);
            long start = System.nanoTime();
            List<String> hashes = read.images().stream().map(ImageWork::sha256).toList();
            LoraExport export = new LoraExport(
                    made.lora(), assignment.form(), Optional.of(read.style().id()), hashes, assignment.order());
            Published published = output.publish(
                    read.style().id(),
                    read.fingerprint(),
                    export::write,
                    lora -> Receipt.ofLora(
                                    runId,
                                    new FinishedLora(
                                            read.fingerprint(),
                                            lora.path(),
                                            lora.bytes(),
                                            lora.sha256(),
                                            export.rank(),
                                            export.reductionError()),
                                    lora.stamp(),
                                    assignment.limits().text(),
                                    facts)
                            .recordedBy(embeddingsRun(read.style())));
            Map<String, Double> seconds = read.seconds();
            seconds.put("embed", made.embedSeconds());
            seconds.put("decode", made.decodeSeconds());
            seconds.put("write", (System.nanoTime() - start) / 1e9);
            return () -> {
                if (!published.kept()) {
                    ledger.receiptLost();
                }
                Receipt counting = published.receipt();
                if (counting.runId().equals(runId)) {
                    ledger.done(read.style(), counting.lora(), counting.images(), seconds);
                } else {
                    // the other run has not committed, and may never
                    ledger.skipped(read.style(), counting.recordedBy(runId));
                }
            };
        } catch (IOException | RuntimeException e) {
            return () -> fail(read, Failure.ofLora(e));
        }
    }

    private String embeddingsRun(Style style) {
        return style.stored() == null || style.stored().run() == null
                ? runId
                : style.stored().run();
    }

    private static List<ImageFacts> facts(ReadStyle read, MadeLora made) {
        List<ImageFacts> facts = new ArrayList<>();
        for (int i = 0; i < made.embeddings().size(); i++) {
            ImageWork image = read.images().get(i);
            ImageEmbedding embedding = made.embeddings().get(i);
            facts.add(new ImageFacts(
                    image.sha256(), image.width(), image.height(), null, embedding.siglip2(), embedding.dinov3()));
        }
        return facts;
    }
}
