package org.i2lspark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.i2lspark.MemoryPlan.Way;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;

/** Encoders and decoders, which are in the device's memory together or in turns. */
final class DeviceShare implements AutoCloseable {
    private final Holder<Encoders> encoders;
    private final Holder<Decoders> decoders;
    private final Way way;
    private final TorchDevice device;
    private final ReentrantLock turn = new ReentrantLock(true);

    /** Loads weights. */
    @FunctionalInterface
    interface Loading<T> {
        T load() throws IOException;
    }

    /** What is loaded, or can be. */
    private static final class Holder<T extends AutoCloseable> {
        private final Loading<T> loading;
        private T loaded;

        Holder(Loading<T> loading) {
            this.loading = loading;
        }

        void load() throws IOException {
            if (loaded == null) {
                loaded = loading.load();
            }
        }

        void close() {
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

    /** Loads the weights, when they take turns the encoders' alone. */
    DeviceShare(Loading<Encoders> encoders, Loading<Decoders> decoders, Way way, TorchDevice device)
            throws IOException {
        this.encoders = new Holder<>(encoders);
        this.decoders = new Holder<>(decoders);
        this.way = way;
        this.device = device;
        try {
            this.encoders.load();
            if (way == Way.TOGETHER) {
                this.decoders.load();
            }
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    <R> R withEncoders(Function<Encoders, R> work) {
        return use(encoders, decoders, work);
    }

    <R> R withDecoders(Function<Decoders, R> work) {
        return use(decoders, encoders, work);
    }

    private <T extends AutoCloseable, R> R use(Holder<T> used, Holder<?> other, Function<T, R> work) {
        if (way == Way.TOGETHER) {
            return work.apply(used.loaded);
        }
        turn.lock();
        try {
            if (used.loaded == null) {
                other.close();
                Torch.releaseIdleMemory(device);
                used.load();
            }
            return work.apply(used.loaded);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot load weights again: " + e.getMessage(), e);
        } finally {
            turn.unlock();
        }
    }

    @Override
    public void close() {
        turn.lock();
        try {
            encoders.close();
            decoders.close();
        } finally {
            turn.unlock();
        }
    }
}
