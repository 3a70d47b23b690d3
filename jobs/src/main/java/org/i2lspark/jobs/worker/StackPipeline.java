package org.i2lspark.jobs.worker;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.worker.StyleJob.WaitingImage;

/**
 * Takes the styles of all tasks of a process through its stacks, one for each GPU. Images wait for an encoder, whatever style
 * and task they are of, so that batches fill; a style whose images are embedded waits for a decoder, and its LoRA for a writer.
 *
 * <p>Nothing can lock up: an encoder needs nothing but images, a decoder waits only for room for its LoRAs, which those who write
 * them make, and these wait for nobody. What is larger than a budget has all of it.
 */
final class StackPipeline implements AutoCloseable {
    /** Of each stack: being read, embedded, decoded and written. */
    private static final int BATCHES_IN_FLIGHT = 8;

    private final long cropBytes;
    private final ByteBudget crops;
    private final ByteBudget loras;
    private final List<BatchStack> stacks = new ArrayList<>();
    private final Set<TaskFeed> feeds = new HashSet<>();
    private final Deque<WaitingImage> images = new ArrayDeque<>();
    private final Deque<StyleJob> embedded = new ArrayDeque<>();
    /** Images of styles that have begun and not left. */
    private int inFlight;
    /** Those of them that have not been added, but may be. */
    private int coming;

    private boolean retired;
    private boolean closed;

    /**
     * A pipeline without a stack.
     *
     * @param cropBytes that an image takes while it waits to be embedded
     * @param crops for such images
     * @param loras for LoRAs that are being made, or wait to be written
     */
    StackPipeline(long cropBytes, ByteBudget crops, ByteBudget loras) {
        this.cropBytes = cropBytes;
        this.crops = crops;
        this.loras = loras;
    }

    /** Works with a stack from now on, and closes it in the end. */
    synchronized void include(BatchStack stack) {
        stacks.add(stack);
        ComputeThread.startFor(stack, this);
    }

    /**
     * A way in for a task.
     *
     * @param form of its LoRAs; null if it wants embeddings only
     */
    synchronized TaskFeed feed(LoraForm form, TaskFeed.Listener listener) {
        if (closed) {
            throw new IllegalStateException("the pipeline is closed");
        }
        TaskFeed feed = new TaskFeed(this, form, listener);
        feeds.add(feed);
        return feed;
    }

    synchronized Optional<StyleJob> begin(TaskFeed feed, Style style) {
        int count = style.images().size();
        long most =
                BATCHES_IN_FLIGHT * stacks.stream().mapToLong(BatchStack::chunk).sum();
        if (!feed.jobs().isEmpty() && inFlight + count > most) {
            return Optional.empty();
        }
        StyleJob job = new StyleJob(feed, style);
        feed.jobs().add(job);
        inFlight += count;
        coming += count;
        return Optional.of(job);
    }

    void awaitRoom() {
        crops.acquire(cropBytes);
    }

    void releaseCrops(int count) {
        for (int i = 0; i < count; i++) {
            crops.release(cropBytes);
        }
    }

    synchronized void add(WaitingImage image) {
        came(image.job());
        if (hasLeft(image.job()) || image.job().isLackingImage()) {
            releaseCrops(1);
        } else {
            images.add(image);
        }
    }

    synchronized void addEmbedded(StyleJob job, List<ImageEmbedding> embeddings) {
        for (int i = 0; i < embeddings.size(); i++) {
            came(job);
            job.embedded(i, embeddings.get(i), 0);
            job.feed().listener().embedded(job.style());
        }
        if (!hasLeft(job)) {
            embedded.add(job);
        }
        notifyAll();
    }

    synchronized void addNone(StyleJob job) {
        came(job);
        releaseCrops(1);
        job.lacksImage();
        drop(job);
    }

    private void came(StyleJob job) {
        if (!hasLeft(job)) {
            job.came();
            coming--;
        }
        notifyAll();
    }

    private void drop(StyleJob job) {
        int waiting = images.size();
        images.removeIf(image -> image.job() == job);
        releaseCrops(waiting - images.size());
    }

    synchronized void remove(StyleJob job) {
        if (job.feed().jobs().remove(job)) {
            inFlight -= job.images();
            coming -= job.coming();
            drop(job);
            embedded.remove(job);
            notifyAll();
        }
    }

    private static boolean hasLeft(StyleJob job) {
        return !job.feed().jobs().contains(job);
    }

    void end(TaskFeed feed) {
        List<StyleJob> jobs;
        synchronized (this) {
            jobs = List.copyOf(feed.jobs());
            feeds.remove(feed);
        }
        breakOff(jobs, new CancellationException("the task has ended"));
        closeIfDone();
    }

    private void breakOff(Collection<StyleJob> jobs, Throwable cause) {
        for (StyleJob job : jobs) {
            job.brokenOff(cause);
            remove(job);
        }
    }

    /** Closes this pipeline once no task feeds it. */
    void retire() {
        synchronized (this) {
            retired = true;
        }
        closeIfDone();
    }

    private void closeIfDone() {
        boolean done;
        synchronized (this) {
            done = retired && feeds.isEmpty();
        }
        if (done) {
            close();
        }
    }

    /** Its threads end with the batch that they are at, and the stacks are closed; no task feeds it any more. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        stacks.forEach(BatchStack::close);
    }

    /** Ends the styles that wait for a stack: it is not to be had. */
    void breakOffWaiting(Throwable cause) {
        Set<StyleJob> waiting;
        synchronized (this) {
            waiting = new HashSet<>(embedded);
            images.forEach(image -> waiting.add(image.job()));
        }
        breakOff(waiting, cause);
    }

    /**
     * Waits for work of this kind.
     *
     * @return false if there will be none
     */
    synchronized boolean awaitWork(Set<Step> steps) throws InterruptedException {
        while (!closed && !hasWork(steps)) {
            wait();
        }
        return !closed;
    }

    private boolean hasWork(Set<Step> steps) {
        return (steps.contains(Step.DECODE) && !embedded.isEmpty())
                || (steps.contains(Step.ENCODE) && !images.isEmpty());
    }

    /**
     * The next images to embed, if there are any. Waits until more have come, if that is worth it: not if none are coming, or
     * none can come for lack of room.
     *
     * @param most images to take
     * @param enough images not to wait for more
     * @param patience nanoseconds to wait at most, from when the first of them came
     */
    synchronized List<WaitingImage> nextImages(int most, int enough, long patience) throws InterruptedException {
        long start = System.nanoTime();
        while (!images.isEmpty() && images.size() < enough && coming > 0 && !crops.isShort()) {
            long left = patience
                    - (System.nanoTime() - Math.max(start, images.element().since()));
            if (closed || left <= 0) {
                break;
            }
            wait(1 + left / 1_000_000);
        }
        List<WaitingImage> next = new ArrayList<>();
        while (next.size() < most && !images.isEmpty()) {
            next.add(images.remove());
        }
        return next;
    }

    /** Takes note of what the encoders made of images. */
    synchronized void embedded(List<WaitingImage> done, List<ImageEmbedding> embeddings, double secondsAnImage) {
        for (int i = 0; i < done.size(); i++) {
            StyleJob job = done.get(i).job();
            job.embedded(done.get(i).position(), embeddings.get(i), secondsAnImage);
            if (job.isEmbedded() && !hasLeft(job)) {
                if (job.feed().form() == null) {
                    job.done();
                } else {
                    embedded.add(job);
                }
            }
        }
        notifyAll();
    }

    /**
     * The next styles to decode, about a batch of images, for the factors of an image are large. Waits for room for their LoRAs,
     * which is to be released.
     */
    List<StyleJob> nextStyles(BatchStack stack) {
        List<StyleJob> next = new ArrayList<>();
        StyleJob first;
        synchronized (this) {
            first = embedded.poll();
        }
        if (first == null) {
            return next;
        }
        loras.acquire(stack.loraBytes(first.images(), first.feed().form()));
        next.add(first);
        int count = first.images();
        synchronized (this) {
            while (!embedded.isEmpty()) {
                StyleJob job = embedded.element();
                count += job.images();
                if (count > stack.batchSize()
                        || !job.feed().form().equals(first.feed().form())
                        || !loras.tryAcquire(
                                stack.loraBytes(job.images(), job.feed().form()))) {
                    break;
                }
                next.add(embedded.remove());
            }
        }
        return next;
    }

    void releaseLora(long bytes) {
        loras.release(bytes);
    }

    /** What stacks do for styles. */
    enum Step {
        ENCODE,
        DECODE
    }
}
