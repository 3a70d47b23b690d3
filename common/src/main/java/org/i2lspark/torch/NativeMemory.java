package org.i2lspark.torch;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/** Counts the tensors of this process that are not closed yet, and their elements. What a graph makes in between is not seen. */
final class NativeMemory {
    private static final AtomicLong TENSORS = new AtomicLong();
    private static final AtomicLong ELEMENTS = new AtomicLong();
    private static volatile LongConsumer watcher = elements -> {};

    private NativeMemory() {}

    static void taken(long elements) {
        TENSORS.incrementAndGet();
        watcher.accept(ELEMENTS.addAndGet(elements));
    }

    static void freed(long elements) {
        TENSORS.decrementAndGet();
        ELEMENTS.addAndGet(-elements);
    }

    /** Tensors that are not closed, views too. */
    static long tensors() {
        return TENSORS.get();
    }

    /** Elements of the tensors that are not closed. */
    static long elements() {
        return ELEMENTS.get();
    }

    /** Tells what the elements come to whenever a tensor is made; what the watcher throws, the maker of the tensor throws. */
    static void watch(LongConsumer newWatcher) {
        watcher = newWatcher;
    }
}
