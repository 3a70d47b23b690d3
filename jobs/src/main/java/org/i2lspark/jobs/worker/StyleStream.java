package org.i2lspark.jobs.worker;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.i2lspark.jobs.storage.ImageSource;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.StyleJob.MadeLora;

/**
 * Takes styles to LoRAs in memory, several at once, and gives each as soon as it is there, in whatever order. For one thread, that
 * of a task; the stack is shared with the other tasks of the process.
 *
 * @param <K> what a style is known by
 */
public final class StyleStream<K> implements Iterator<StyleStream.Outcome<K>>, AutoCloseable {
    /** How often to look whether the task was cancelled, should it not be interrupted. */
    private static final long LOOK_MILLIS = 200;

    /** The heap that images and LoRAs of all streams may take; each stream has one style on its way in any case. */
    private static final ByteBudget HELD = new ByteBudget(Runtime.getRuntime().maxMemory() / 4);

    private final StreamOrder order;
    private final SharedStacks stacks;
    private final Iterator<Request<K>> requests;
    private final ImageReader reader;
    private final TaskFeed feed;
    private final Queue<Outcome<K>> refused = new ArrayDeque<>();
    private final BlockingQueue<StyleJob> done = new LinkedBlockingQueue<>();
    private final Map<StyleJob, UnderWay<K>> underWay = new HashMap<>();
    private Request<K> next;

    /**
     * A style that is asked for.
     *
     * @param images whose factors are merged in this order; of too many, none but the count matters
     */
    public record Request<K>(K key, List<StyleImage> images) {}

    /**
     * What came of a style.
     *
     * @param lora a safetensors file; null if the style failed, or if embeddings are all that was wanted
     * @param siglip2 the mean over its images; null if the style failed
     * @param dinov3 the mean over its images; null if the style failed
     * @param failure null if it did not fail
     */
    public record Outcome<K>(K key, byte[] lora, float[] siglip2, float[] dinov3, Failure failure) {
        static <K> Outcome<K> failed(K key, Failure failure) {
            return new Outcome<>(key, null, null, null, failure);
        }
    }

    /** A style on its way, and how much of the heap was set aside for it. */
    private record UnderWay<K>(CompletableFuture<Outcome<K>> outcome, long held) {}

    /** Listens to nothing: rows have no progress. */
    private static final TaskFeed.Listener NOBODY = new TaskFeed.Listener() {
        @Override
        public void embedded(Style style) {}

        @Override
        public void halved(int times) {}
    };

    /** A stream, which begins when it is asked. */
    public StyleStream(StreamOrder order, Storage storage, SharedStacks stacks, Iterator<Request<K>> requests) {
        this.order = order;
        this.stacks = stacks;
        this.requests = requests;
        this.reader = new ImageReader(
                new ImageSource(storage, order.rules()),
                order.limits(),
                stacks.model(),
                Workers.READERS,
                Workers.DECODERS);
        this.feed = stacks.feed(order.form(), NOBODY);
    }

    @Override
    public boolean hasNext() {
        fill();
        return !underWay.isEmpty() || !refused.isEmpty();
    }

    /**
     * {@inheritDoc}
     *
     * @throws UncheckedIOException if this process cannot go on, or the task was cancelled
     */
    @Override
    public Outcome<K> next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        if (!refused.isEmpty()) {
            return refused.remove();
        }
        try {
            return finish(awaitOne());
        } catch (IOException e) {
            throw new UncheckedIOException(Problems.describe(e), e);
        }
    }

    /** Sends styles on their way while there is room. */
    private void fill() {
        while (refused.isEmpty() && (next != null || requests.hasNext())) {
            next = next == null ? requests.next() : next;
            int count = next.images().size();
            if (count == 0) {
                refused.add(Outcome.failed(next.key(), new Failure(ErrorClass.IMAGE_MISSING, "there is no image")));
            } else if (count > order.limits().maxImagesPerStyle()) {
                refused.add(
                        Outcome.failed(next.key(), GenerateTask.tooManyImages(count, order.limits(), stacks.model())));
            } else if (!begin(next)) {
                return;
            }
            next = null;
        }
    }

    private boolean begin(Request<K> request) {
        long bytes = bytes(request);
        boolean first = underWay.isEmpty();
        if (!first && !HELD.tryAcquire(bytes)) {
            return false;
        }
        long held = first ? 0 : bytes;
        Optional<StyleJob> begun = feed.begin(style(request));
        if (begun.isEmpty()) {
            release(held);
            return false;
        }
        StyleJob job = begun.get();
        stacks.beginLoading();
        CompletableFuture<Outcome<K>> outcome = reader.read(request.images())
                .thenCompose(images -> goOn(request.key(), images, job))
                .whenComplete((ignored, problem) -> {
                    job.leave();
                    done.add(job);
                });
        underWay.put(job, new UnderWay<>(outcome, held));
        return true;
    }

    private static void release(long held) {
        if (held > 0) {
            HELD.release(held);
        }
    }

    private long bytes(Request<K> request) {
        long images = request.images().stream()
                .mapToLong(image -> image instanceof StyleImage.Held held ? held.bytes().length : 0)
                .sum();
        return images
                + (order.form() == null
                        ? 0
                        : stacks.first().loraBytes(request.images().size(), order.form()));
    }

    private Style style(Request<K> request) {
        return new Style(
                String.valueOf(request.key()),
                null,
                request.images().stream().map(StyleImage::name).toList());
    }

    private CompletableFuture<Outcome<K>> goOn(K key, List<ImageWork> read, StyleJob job) {
        Optional<Failure> failure = failure(read);
        if (failure.isPresent()) {
            return CompletableFuture.completedFuture(Outcome.failed(key, failure.get()));
        }
        return reader.decode(read, job)
                .thenCompose(decoded -> failure(decoded)
                        .map(problem -> CompletableFuture.completedFuture(Outcome.failed(key, problem)))
                        .orElseGet(() ->
                                job.result().thenApplyAsync(result -> outcome(key, read, result), Workers.WRITERS)));
    }

    private static Optional<Failure> failure(List<ImageWork> images) {
        return images.stream()
                .map(ImageWork::failure)
                .filter(failure -> failure != null)
                .findFirst();
    }

    private Outcome<K> outcome(K key, List<ImageWork> images, StyleJob.Result result) {
        if (result.failure() != null) {
            return Outcome.failed(key, result.failure());
        }
        List<ImageEmbedding> embeddings = result.embeddings();
        return new Outcome<>(
                key,
                result.made() == null ? null : file(result.made(), images),
                MeanEmbedding.of(
                        embeddings.stream().map(ImageEmbedding::siglip2).toList()),
                MeanEmbedding.of(embeddings.stream().map(ImageEmbedding::dinov3).toList()),
                null);
    }

    /** A LoRA's file, in memory; closes the LoRA. */
    private byte[] file(MadeLora made, List<ImageWork> images) {
        try (made) {
            List<String> hashes = images.stream().map(ImageWork::sha256).toList();
            ByteArrayOutputStream file = new ByteArrayOutputStream();
            new LoraExport(made.lora(), order.form(), Optional.empty(), hashes, order.stack())
                    .write(Channels.newChannel(file));
            return file.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private StyleJob awaitOne() throws IOException {
        while (true) {
            Cancellation.check();
            try {
                StyleJob job = done.poll(LOOK_MILLIS, TimeUnit.MILLISECONDS);
                if (job != null) {
                    return job;
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private Outcome<K> finish(StyleJob job) throws IOException {
        UnderWay<K> style = underWay.remove(job);
        release(style.held());
        try {
            return style.outcome().join();
        } catch (CompletionException e) {
            throw Cancellation.failure(e);
        }
    }

    /** Gives up what is on its way. */
    @Override
    public void close() {
        reader.close();
        feed.close();
        underWay.values().forEach(style -> release(style.held()));
        underWay.clear();
    }
}
