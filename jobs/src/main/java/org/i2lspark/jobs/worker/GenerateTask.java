package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.options.ImageLimits;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.i2lspark.jobs.output.Output;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.Receipt;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.StyleReader.ReadStyle;
import org.i2lspark.model.I2lModel;

/**
 * Works through the styles of one partition. Several are on their way at once: read, decoded, in the pipeline, written. What
 * comes of them is told to the task's own thread, which alone keeps the ledger.
 */
public final class GenerateTask {
    /** How often to look whether the task was cancelled, should it not be interrupted. */
    private static final long LOOK_MILLIS = 200;

    private final Assignment assignment;
    private final SharedStacks stacks;
    private final StyleReader reader;
    private final TaskLedger ledger;
    private final LoraPublisher publisher;
    private final TaskFeed feed;
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final Map<StyleJob, CompletableFuture<Runnable>> underWay = new HashMap<>();

    /** What the task's own thread is to do next. */
    @FunctionalInterface
    private interface Event {
        void happen() throws IOException;
    }

    public GenerateTask(Assignment assignment, Storage storage, SharedStacks stacks, Counters counters) {
        this.assignment = assignment;
        this.stacks = stacks;
        RunIdentity run = assignment.run();
        OutputLayout layout = new OutputLayout(run.output());
        Output output = new Output(storage, layout, run.id(), run.committedBefore());
        this.reader = new StyleReader(assignment, storage, output, stacks.model(), Workers.READERS, Workers.DECODERS);
        this.ledger = new TaskLedger(storage, layout.run(run.id()), counters, new StyleRows(assignment));
        this.publisher = new LoraPublisher(assignment, output, ledger);
        this.feed = stacks.feed(assignment.form(), new Told());
    }

    /** Progress comes as it happens. */
    private final class Told implements TaskFeed.Listener {
        @Override
        public void embedded(Style style) {
            events.add(() -> ledger.embedded(style));
        }

        @Override
        public void halved(int times) {
            events.add(() -> ledger.halved(times));
        }
    }

    /**
     * Makes the LoRAs of a partition.
     *
     * @throws IOException if the executor cannot go on, or the task was cancelled
     */
    public PartResult run(int part, Iterator<Style> styles) throws IOException {
        try (reader;
                publisher;
                feed) {
            Optional<Style> next = next(styles);
            while (next.isPresent() || !underWay.isEmpty()) {
                while (next.isPresent() && begin(next.get())) {
                    next = next(styles);
                }
                awaitEvent();
            }
            return ledger.stage(part);
        }
    }

    /** The next style that can be tried. */
    private Optional<Style> next(Iterator<Style> styles) {
        while (styles.hasNext()) {
            Style style = styles.next();
            if (style.unreadable() != null) {
                ledger.failed(style, new Failure(ErrorClass.IMAGE_UNREADABLE, style.unreadable()), List.of());
            } else if (style.images().size() > assignment.limits().maxImagesPerStyle()) {
                ledger.failed(
                        style, tooManyImages(style.images().size(), assignment.limits(), stacks.model()), List.of());
            } else {
                return Optional.of(style);
            }
        }
        return Optional.empty();
    }

    private void awaitEvent() throws IOException {
        Cancellation.check();
        try {
            Event event = events.poll(LOOK_MILLIS, TimeUnit.MILLISECONDS);
            if (event != null) {
                event.happen();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            Cancellation.check();
        }
    }

    /**
     * Sends a style on its way.
     *
     * @return whether there was room for it
     */
    private boolean begin(Style style) {
        Optional<StyleJob> begun = feed.begin(style);
        if (begun.isEmpty()) {
            return false;
        }
        StyleJob job = begun.get();
        underWay.put(
                job, reader.read(style).thenCompose(read -> goOn(read, job)).whenComplete((outcome, problem) -> {
                    job.leave();
                    events.add(() -> finish(job));
                }));
        return true;
    }

    private void finish(StyleJob job) throws IOException {
        try {
            underWay.remove(job).join().run();
        } catch (CompletionException e) {
            throw Cancellation.failure(e);
        }
    }

    /** What the ledger is to be told of a style in the end. */
    private CompletableFuture<Runnable> goOn(ReadStyle read, StyleJob job) {
        if (read.receipt().isPresent()) {
            return CompletableFuture.completedFuture(
                    () -> settle(read, read.receipt().get()));
        }
        if (read.failure().isPresent()) {
            return CompletableFuture.completedFuture(
                    () -> publisher.fail(read, read.failure().get()));
        }
        stacks.beginLoading();
        return reader.decode(read, job).thenCompose(decoded -> make(decoded, job));
    }

    private CompletableFuture<Runnable> make(ReadStyle decoded, StyleJob job) {
        if (decoded.failure().isPresent()) {
            return CompletableFuture.completedFuture(
                    () -> publisher.fail(decoded, decoded.failure().get()));
        }
        return job.result()
                .thenApplyAsync(
                        result -> result.made() == null
                                ? () -> publisher.fail(decoded, result.failure())
                                : publisher.write(decoded, result.made()),
                        Workers.WRITERS);
    }

    /** The style has a LoRA, or failed before. */
    private void settle(ReadStyle read, Receipt receipt) {
        // by an attempt at this partition that was lost
        boolean ofThisRun = receipt.runId().equals(assignment.run().id());
        if (receipt.lora() != null && ofThisRun) {
            ledger.done(read.style(), receipt.lora(), receipt.images(), null);
        } else if (receipt.lora() != null) {
            ledger.skipped(read.style(), receipt);
        } else if (ofThisRun) {
            ledger.failed(read.style(), receipt.failure(), receipt.images());
        } else {
            ledger.failedBefore(read.style(), receipt.failure(), receipt.images());
        }
    }

    /** Why no style of so many images is tried. */
    static Failure tooManyImages(int count, ImageLimits limits, I2lModel model) {
        int rank = DecoderLayout.RANK * count * model.decoders().size();
        return new Failure(
                ErrorClass.TOO_MANY_IMAGES,
                "Cannot merge %d images into one LoRA: its rank would be %d, over the limit of %d images; split the style or raise --max-images-per-style"
                        .formatted(count, rank, limits.maxImagesPerStyle()));
    }
}
