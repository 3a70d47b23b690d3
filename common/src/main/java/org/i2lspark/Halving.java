package org.i2lspark;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import org.i2lspark.torch.DeviceMemoryException;
import org.i2lspark.torch.Torch;

/** Work on batches that are halved when the memory of the device does not hold them. */
final class Halving {
    private final AtomicInteger count = new AtomicInteger();

    /** How often a batch was halved. */
    int count() {
        return count.get();
    }

    /**
     * Works on a batch.
     *
     * @param work gives a result for each item
     * @param discard frees a result when the whole fails
     * @param problem begins the message when a single item does not fit
     * @throws DeviceMemoryException if the memory does not hold a single item
     */
    <T, R> List<R> run(List<T> batch, Function<List<T>, List<R>> work, Consumer<R> discard, String problem) {
        try {
            return work.apply(batch);
        } catch (RuntimeException e) {
            if (!Torch.isOutOfMemory(e)) {
                throw e;
            }
            if (batch.size() == 1) {
                throw new DeviceMemoryException(problem + ": its memory does not hold one alone: " + e.getMessage(), e);
            }
        }
        count.incrementAndGet();
        int half = batch.size() / 2;
        List<R> results = new ArrayList<>(run(batch.subList(0, half), work, discard, problem));
        try {
            results.addAll(run(batch.subList(half, batch.size()), work, discard, problem));
            return results;
        } catch (Throwable e) {
            results.forEach(discard);
            throw e;
        }
    }
}
