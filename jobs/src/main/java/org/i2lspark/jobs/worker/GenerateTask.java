package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.i2lspark.jobs.output.Output;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.Receipt;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.BatchRunner.MadeLora;
import org.i2lspark.jobs.worker.StyleReader.ReadStyle;

/**
 * Works through the styles of one partition. Three things overlap: reading and decoding the next styles' images, the stack
 * on the current ones, and writing the LoRAs before them.
 */
public final class GenerateTask {
    /** Reads and decodes images and writes LoRAs, for all tasks of the process. */
    private static final ExecutorService WORKERS =
            Executors.newFixedThreadPool(Math.max(2, Runtime.getRuntime().availableProcessors()), runnable -> {
                Thread thread = new Thread(runnable, "i2l-worker");
                thread.setDaemon(true);
                return thread;
            });

    private final Assignment assignment;
    private final Stack stack;
    private final StyleReader reader;
    private final BatchRunner batches;
    private final TaskLedger ledger;
    private final LoraPublisher publisher;

    public GenerateTask(Assignment assignment, Storage storage, Stack stack, Counters counters) {
        this.assignment = assignment;
        this.stack = stack;
        RunIdentity run = assignment.run();
        OutputLayout layout = new OutputLayout(run.output());
        Output output = new Output(storage, layout, run.id(), run.committedBefore());
        this.reader = new StyleReader(assignment, storage, output, stack.model(), WORKERS);
        this.ledger = new TaskLedger(storage, layout.run(run.id()), counters, new StyleRows(assignment));
        this.publisher = new LoraPublisher(assignment, output, ledger, WORKERS);
        this.batches = new BatchRunner(stack, assignment.form().decodedType(), new Published());
    }

    /** What the stack made is written; what it could not make is a row. */
    private final class Published implements BatchRunner.Results {
        @Override
        public void embedded(ReadStyle style) {
            ledger.embedded(style.style());
        }

        @Override
        public void made(MadeLora lora) {
            publisher.publish(lora);
        }

        @Override
        public void failed(ReadStyle style, Failure failure) {
            publisher.fail(style, failure);
        }

        @Override
        public void halved(int times) {
            ledger.halved(times);
        }

        @Override
        public void makeRoom() throws IOException {
            publisher.finish();
        }
    }

    /**
     * Makes the LoRAs of a partition.
     *
     * @throws IOException if the executor cannot go on, or the task was cancelled
     */
    public PartResult run(int part, Iterator<Style> styles) throws IOException {
        try (reader;
                publisher) {
            generateAll(styles);
            publisher.finish();
            return ledger.stage(part);
        }
    }

    private void generateAll(Iterator<Style> styles) throws IOException {
        Deque<CompletableFuture<ReadStyle>> reading = new ArrayDeque<>();
        List<ReadStyle> batch = new ArrayList<>();
        int ahead = 0;
        int batchImages = 0;
        while (styles.hasNext() || !reading.isEmpty()) {
            Cancellation.check();
            // keeps about two batches of images on the way
            while (styles.hasNext() && (reading.isEmpty() || ahead < 2 * stack.batchSize())) {
                Style style = styles.next();
                if (style.unreadable() != null) {
                    ledger.failed(style, new Failure(ErrorClass.IMAGE_UNREADABLE, style.unreadable()), List.of());
                } else if (style.images().size() > assignment.limits().maxImagesPerStyle()) {
                    ledger.failed(style, tooManyImages(style), List.of());
                } else {
                    reading.add(reader.read(style));
                    ahead += style.images().size();
                }
            }
            if (reading.isEmpty()) {
                continue;
            }
            ReadStyle read = Cancellation.await(reading.remove());
            ahead -= read.images().size();
            if (needsWork(read)) {
                batch.add(read);
                batchImages += read.images().size();
            }
            if (batchImages >= stack.batchSize()) {
                batches.run(batch);
                batch = new ArrayList<>();
                batchImages = 0;
            }
        }
        batches.run(batch);
    }

    private Failure tooManyImages(Style style) {
        int count = style.images().size();
        int rank = DecoderLayout.RANK * count * stack.model().decoders().size();
        return new Failure(
                ErrorClass.TOO_MANY_IMAGES,
                "Cannot merge %d images into one LoRA: its rank would be %d, over the limit of %d images; split the style or raise --max-images-per-style"
                        .formatted(count, rank, assignment.limits().maxImagesPerStyle()));
    }

    /** Settles styles that have a LoRA, that failed before, or whose images cannot be used. */
    private boolean needsWork(ReadStyle read) {
        Optional<Receipt> receipt = read.receipt();
        boolean ownOfThisRun = receipt.isPresent()
                && receipt.get().runId().equals(assignment.run().id());
        if (receipt.isPresent() && receipt.get().lora() != null) {
            if (ownOfThisRun) {
                // by an attempt at this partition that was lost
                ledger.done(read.style(), receipt.get().lora(), receipt.get().images(), null);
            } else {
                ledger.skipped(read.style(), receipt.get());
            }
            return false;
        }
        if (receipt.isPresent()) {
            Receipt failed = receipt.get();
            if (ownOfThisRun) {
                ledger.failed(read.style(), failed.failure(), failed.images());
            } else {
                ledger.failedBefore(read.style(), failed.failure(), failed.images());
            }
            return false;
        }
        if (read.failure().isPresent()) {
            publisher.fail(read, read.failure().get());
            return false;
        }
        return true;
    }
}
