package org.i2lspark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.i2lspark.MemoryPlan.Way;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;

/** Parts of a stack, which are in the device's memory together or in turns. */
final class DeviceShare implements AutoCloseable {
    private final List<Part<?>> parts = new ArrayList<>();
    private final Way way;
    private final TorchDevice device;
    private final ReentrantLock turn = new ReentrantLock(true);

    /** Loads weights. */
    @FunctionalInterface
    interface Loading<T> {
        T load() throws IOException;
    }

    /** Works with what is loaded. */
    @FunctionalInterface
    interface Work<T, R, E extends Exception> {
        R apply(T part) throws E;
    }

    /** What is loaded, or can be. */
    static final class Part<T extends AutoCloseable> {
        private final Loading<T> loading;
        private T loaded;

        private Part(Loading<T> loading) {
            this.loading = loading;
        }

        private void load() throws IOException {
            if (loaded == null) {
                loaded = loading.load();
            }
        }

        private void close() {
            if (loaded != null) {
                T closing = loaded;
                loaded = null;
                try {
                    closing.close();
                } catch (Exception e) {
                    throw new IllegalStateException("Cannot free weights", e);
                }
            }
        }
    }

    DeviceShare(Way way, TorchDevice device) {
        this.way = way;
        this.device = device;
    }

    /** Adds a part, which is not loaded yet. */
    <T extends AutoCloseable> Part<T> add(Loading<T> loading) {
        Part<T> part = new Part<>(loading);
        parts.add(part);
        return part;
    }

    /** Loads the weights of all parts, when they take turns those of the first one alone. */
    void load() throws IOException {
        try {
            for (Part<?> part : way == Way.TOGETHER ? parts : parts.subList(0, 1)) {
                part.load();
            }
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    /** Works with a part; when they take turns, no other is there and nobody else works meanwhile. */
    <T extends AutoCloseable, R, E extends Exception> R use(Part<T> part, Work<T, R, E> work) throws E {
        if (way == Way.TOGETHER) {
            return work.apply(part.loaded);
        }
        turn.lock();
        try {
            takeTurn(part);
            return work.apply(part.loaded);
        } finally {
            turn.unlock();
        }
    }

    private void takeTurn(Part<?> part) {
        if (part.loaded == null) {
            parts.forEach(Part::close);
            Torch.releaseIdleMemory(device);
            try {
                part.load();
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot load weights again: " + e.getMessage(), e);
            }
        }
    }

    @Override
    public void close() {
        turn.lock();
        try {
            parts.forEach(Part::close);
            // for what this process loads next, and plans by what is free
            Torch.releaseIdleMemory(device);
        } finally {
            turn.unlock();
        }
    }
}
