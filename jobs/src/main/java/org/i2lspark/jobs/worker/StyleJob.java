package org.i2lspark.jobs.worker;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.PreparedImage;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.lora.Lora;

/** A style on its way through the pipeline: its images go in one by one, its LoRA comes out. */
final class StyleJob {
    private final TaskFeed feed;
    private final Style style;
    private final CompletableFuture<Result> result = new CompletableFuture<>();
    // what follows is guarded by the pipeline
    private final ImageEmbedding[] embeddings;
    private int coming;
    private int toEmbed;
    private double embedSeconds;
    private boolean lacking;

    StyleJob(TaskFeed feed, Style style) {
        this.feed = feed;
        this.style = style;
        this.embeddings = new ImageEmbedding[style.images().size()];
        this.coming = embeddings.length;
        this.toEmbed = embeddings.length;
    }

    /**
     * What came of a style.
     *
     * @param embeddings of its images; null if the style failed
     * @param made to be closed; null if the style failed, or if its task wants embeddings only
     * @param failure null if all was made
     */
    record Result(List<ImageEmbedding> embeddings, MadeLora made, Failure failure) {}

    /**
     * A style's LoRA, not yet written.
     *
     * @param embedSeconds the images' share of their batches
     * @param decodeSeconds the style's share of its batch
     * @param released runs when the LoRA is closed
     */
    record MadeLora(
            List<ImageEmbedding> embeddings, Lora lora, double embedSeconds, double decodeSeconds, Runnable released)
            implements AutoCloseable {
        @Override
        public void close() {
            try {
                lora.close();
            } finally {
                released.run();
            }
        }
    }

    /**
     * An image that waits to be embedded.
     *
     * @param position in its style
     * @param since when it came, as {@link System#nanoTime} has it
     */
    record WaitingImage(StyleJob job, int position, PreparedImage image, long since) {}

    /**
     * Comes when the stack is done with the style; fails if the stack works no more, if its weights cannot be loaded, or if
     * the task ended before.
     */
    CompletableFuture<Result> result() {
        return result;
    }

    /** Waits for room in memory for an image; {@link #add} or {@link #addNone} follows. */
    void awaitRoom() {
        feed.pipeline().awaitRoom();
    }

    /** Gives an image to the stack, with the room that it was given. */
    void add(int position, PreparedImage image) {
        feed.pipeline().add(new WaitingImage(this, position, image, System.nanoTime()));
    }

    /** Gives the embeddings of all images to the stack; none needs room. */
    void addEmbedded(List<ImageEmbedding> all) {
        feed.pipeline().addEmbedded(this, all);
    }

    /** Gives the room back: there is no image, so the style's others are not worth the stack's time. */
    void addNone() {
        feed.pipeline().addNone(this);
    }

    /** Takes the style out of the pipeline: it is through, or is not to go on. */
    void leave() {
        feed.pipeline().remove(this);
    }

    TaskFeed feed() {
        return feed;
    }

    Style style() {
        return style;
    }

    int images() {
        return embeddings.length;
    }

    /** Images that have not been added, but may be. */
    int coming() {
        return coming;
    }

    void came() {
        coming--;
    }

    void lacksImage() {
        lacking = true;
    }

    boolean isLackingImage() {
        return lacking;
    }

    void embedded(int position, ImageEmbedding embedding, double seconds) {
        embeddings[position] = embedding;
        embedSeconds += seconds;
        toEmbed--;
    }

    boolean isEmbedded() {
        return toEmbed == 0;
    }

    List<ImageEmbedding> embeddings() {
        return List.of(embeddings);
    }

    double embedSeconds() {
        return embedSeconds;
    }

    /** Whether it is still open what comes of it. */
    boolean isOpen() {
        return !result.isDone();
    }

    void made(MadeLora made) {
        if (!result.complete(new Result(made.embeddings(), made, null))) {
            made.close();
        }
    }

    /** Its images are embedded, which is all that its task wants. */
    void done() {
        result.complete(new Result(embeddings(), null, null));
    }

    /** The stack works, but not on this style. */
    void failed(Failure failure) {
        result.complete(new Result(null, null, failure));
    }

    /** It is not this style's fault. */
    void brokenOff(Throwable cause) {
        result.completeExceptionally(cause);
    }
}
