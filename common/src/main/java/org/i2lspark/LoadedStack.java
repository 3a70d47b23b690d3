package org.i2lspark;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.i2lspark.lora.Lora;
import org.i2lspark.torch.ElementType;

/** A stack that threads share. One thread at a time embeds, and one decodes: a batch keeps the device busy. */
public final class LoadedStack implements AutoCloseable {
    private final ReentrantLock embedding = new ReentrantLock(true);
    private final ReentrantLock decoding = new ReentrantLock(true);
    private final ImageToLora weights;
    private final BatchShape shape;
    private boolean closed;

    /**
     * Shares a stack from now on.
     *
     * @param weights are closed with this
     */
    public LoadedStack(ImageToLora weights, BatchShape shape) {
        this.weights = weights;
        this.shape = shape;
    }

    /**
     * Embeds a batch, which the device's memory is planned to hold.
     *
     * @throws IllegalStateException if this is closed
     */
    public List<ImageEmbedding> embed(List<PreparedImage> images) {
        return inTurn(embedding, () -> eachBatch(images, weights::embed, embedding -> {}));
    }

    /**
     * Decodes a batch of styles.
     *
     * @param highestRank to which LoRAs are reduced; 0 for none
     * @return a LoRA for each style, to be closed
     * @throws IllegalStateException if this is closed
     */
    public List<Lora> decode(List<List<ImageEmbedding>> styles, ElementType loraType, int highestRank) {
        return inTurn(
                decoding, () -> eachBatch(styles, batch -> weights.decode(batch, loraType, highestRank), Lora::close));
    }

    /** How often a batch was halved, because the memory did not hold it. */
    public int halvings() {
        return weights.halvings();
    }

    private <T> T inTurn(ReentrantLock turn, Supplier<T> work) {
        turn.lock();
        try {
            if (closed) {
                throw new IllegalStateException("the stack is closed");
            }
            return work.get();
        } finally {
            turn.unlock();
        }
    }

    private <A, B> List<B> eachBatch(List<A> all, Function<List<A>, List<B>> work, Consumer<B> undo) {
        return switch (shape) {
            case AS_FILLED -> work.apply(all);
            case ONE_BY_ONE -> oneByOne(all, work, undo);
        };
    }

    private static <A, B> List<B> oneByOne(List<A> all, Function<List<A>, List<B>> work, Consumer<B> undo) {
        List<B> done = new ArrayList<>();
        try {
            for (A one : all) {
                done.addAll(work.apply(List.of(one)));
            }
            return done;
        } catch (Throwable e) {
            done.forEach(undo);
            throw e;
        }
    }

    /** Frees the weights once no thread is at work with them. */
    @Override
    public void close() {
        embedding.lock();
        decoding.lock();
        try {
            if (!closed) {
                closed = true;
                weights.close();
            }
        } finally {
            decoding.unlock();
            embedding.unlock();
        }
    }
}
