package org.i2lspark.jobs.frame;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.Iterator;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.storage.ShippedStorage;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.SharedStacks;
import org.i2lspark.jobs.worker.StreamOrder;
import org.i2lspark.jobs.worker.StyleStream;
import org.i2lspark.jobs.worker.StyleStream.Request;

/** Streams through the stack of the process in which a task is. */
record ExecutorStreams(StreamOrder order, ShippedStorage stores) implements Serializable {

    /**
     * A stream, to be closed.
     *
     * @throws UncheckedIOException if this process cannot do what was settled
     */
    <K> StyleStream<K> stream(Iterator<Request<K>> requests) {
        try {
            Storage storage = stores.here();
            return new StyleStream<>(order, storage, SharedStacks.of(order.stack(), storage), requests);
        } catch (IOException e) {
            throw new UncheckedIOException(Problems.describe(e), e);
        }
    }
}
