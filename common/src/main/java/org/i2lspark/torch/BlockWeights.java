package org.i2lspark.torch;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.i2lspark.safetensors.TensorSource;
import org.i2lspark.safetensors.TensorStore;

/**
 * The weights of blocks through which something is passed, one block after the other. Either all of them are in the device's
 * memory, or they pass through it: while one block computes, the next is read from the checkpoint, which the operating
 * system keeps in memory where it can. Then two blocks are in the device's memory at a time.
 */
public final class BlockWeights implements AutoCloseable {
    private final List<List<Tensor>> resident;
    private final TensorSource source;
    private final List<Loading> loadings;
    private final ElementType type;
    private final TorchDevice device;
    private final ExecutorService prefetch;

    /** Whether weights stay in the device's memory. */
    public enum Placement {
        RESIDENT,
        STREAMED
    }

    /** Loads the weights of one block. */
    @FunctionalInterface
    public interface Loading {
        List<Tensor> load(WeightLoader loader, TensorScope scope) throws IOException;
    }

    /** Computes with the weights of a block. */
    @FunctionalInterface
    public interface Step {
        /**
         * Takes a block.
         *
         * @param block its number
         * @param weights valid during the call
         */
        void run(int block, List<Tensor> weights);
    }

    private BlockWeights(
            List<List<Tensor>> resident,
            TensorSource source,
            List<Loading> loadings,
            ElementType type,
            TorchDevice device) {
        this.resident = resident;
        this.source = source;
        this.loadings = loadings;
        this.type = type;
        this.device = device;
        this.prefetch = resident == null ? Executors.newSingleThreadExecutor(BlockWeights::thread) : null;
        if (prefetch != null) {
            prefetch.execute(() -> DeviceStream.ofThisThread(device));
        }
    }

    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work, "i2l-weights");
        thread.setDaemon(true);
        return thread;
    }

    /** Blocks that stay, in memory that somebody else owns. */
    static BlockWeights resident(List<List<Tensor>> blocks) {
        return new BlockWeights(blocks, null, List.of(), null, null);
    }

    /** Loads nothing yet. */
    static BlockWeights streamed(TensorSource source, List<Loading> loadings, ElementType type, TorchDevice device) {
        return new BlockWeights(null, source, loadings, type, device);
    }

    /** Computes what the next block, or all of the next blocks, make of what the block before made. */
    @FunctionalInterface
    public interface Layer {
        /**
         * Is called with all blocks at once, or with one after the other.
         *
         * @param first number of the first block
         * @param weights valid during the call
         */
        Tensor apply(Tensor x, int first, List<Tensor> weights);
    }

    /** Passes a tensor through all blocks, through those that stay at once. Frees it and all that comes in between. */
    public Tensor pass(Tensor x, Layer layer) {
        Tensor[] passed = {x};
        forAll((first, weights) -> {
            Tensor next = layer.apply(passed[0], first, weights);
            passed[0].close();
            passed[0] = next;
        });
        return passed[0];
    }

    private void forAll(Step step) {
        if (resident == null) {
            forEach(step);
        } else {
            step.run(0, resident.stream().flatMap(List::stream).toList());
        }
    }

    /** Computes with one block after the other. */
    public void forEach(Step step) {
        if (resident == null) {
            stream(step);
            return;
        }
        for (int i = 0; i < resident.size(); i++) {
            step.run(i, resident.get(i));
        }
    }

    private void stream(Step step) {
        try (TensorStore store = source.open();
                WeightLoader loader = new WeightLoader(source, store, type, device)) {
            Future<Block> next = submit(loader, 0);
            try {
                for (int i = 0; i < loadings.size(); i++) {
                    try (Block block = take(next)) {
                        next = i + 1 < loadings.size() ? submit(loader, i + 1) : null;
                        step.run(i, block.weights);
                        // others may be given the memory of what is still being computed with
                        DeviceStream.finish(device);
                    }
                }
            } catch (Throwable e) {
                discard(next, e);
                throw e;
            }
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read weights again: " + e.getMessage(), e);
        }
    }

    /** The weights of a block while they pass. */
    private record Block(TensorScope scope, List<Tensor> weights) implements AutoCloseable {
        @Override
        public void close() {
            scope.close();
        }
    }

    private Future<Block> submit(WeightLoader loader, int block) {
        return prefetch.submit(() -> {
            TensorScope scope = new TensorScope();
            try {
                return new Block(scope, loadings.get(block).load(loader, scope));
            } catch (Throwable e) {
                scope.close();
                throw e;
            }
        });
    }

    private static Block take(Future<Block> loading) throws IOException {
        try {
            return Uninterrupted.get(loading);
        } catch (ExecutionException e) {
            WeightLoader.rethrow(e.getCause());
            throw new IllegalStateException(e);
        }
    }

    private static void discard(Future<Block> loading, Throwable cause) {
        if (loading != null) {
            try {
                Uninterrupted.get(loading).close();
            } catch (ExecutionException e) {
                if (e.getCause() != cause) {
                    cause.addSuppressed(e.getCause());
                }
            }
        }
    }

    @Override
    public void close() {
        if (prefetch != null) {
            prefetch.shutdown();
        }
    }
}
