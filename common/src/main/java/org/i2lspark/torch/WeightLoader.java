package org.i2lspark.torch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.safetensors.TensorSource;
import org.i2lspark.safetensors.TensorStore;

/**
 * Brings weights from a checkpoint into tensors of one element type on one device. Bytes go from the file straight into
 * native memory: into the tensor itself where type and device allow it, else through a staging buffer of
 * {@value #STAGING_BYTES} bytes, of which each of a few reading threads has one. Nothing is put on the Java heap, and every
 * byte is read once.
 */
public final class WeightLoader implements AutoCloseable {
    private static final int STAGING_BYTES = 64 << 20;
    /** A direct buffer over tensor memory must stay under 2 GiB. */
    private static final long DIRECT_CHUNK_BYTES = 1L << 30;
    /** One core copies from the page cache more slowly than a GPU takes. */
    private static final int MAX_READERS = 6;

    private final TensorSource source;
    private final TensorStore store;
    private final ElementType type;
    private final TorchDevice device;
    private final TensorScope staging = new TensorScope();
    private final Queue<Map<ElementType, Tensor>> idleBuffers = new ArrayDeque<>();

    /** Builds something from the weights of a checkpoint. */
    @FunctionalInterface
    public interface Builder<T> {
        T build(WeightLoader loader, TensorScope scope) throws IOException;
    }

    /** Elements of a tensor in the file, from {@code first} on, and where in a destination they go. */
    private record Piece(Tensor destination, long start, TensorInfo info, long first, long length) {}

    /**
     * Builds something that owns its weights. If that fails, the weights loaded until then are freed.
     *
     * @param builder is given the scope that the result is to own
     */
    public static <T> T load(TensorSource source, ElementType type, TorchDevice device, Builder<T> builder)
            throws IOException {
        // the readers do not share this thread's stream, in which memory that they fill may still be in use
        DeviceStream.finish(device);
        TensorScope scope = new TensorScope();
        try (TensorStore store = source.open();
                WeightLoader loader = new WeightLoader(source, store, type, device)) {
            return builder.build(loader, scope);
        } catch (Throwable e) {
            scope.close();
            throw e;
        }
    }

    WeightLoader(TensorSource source, TensorStore store, ElementType type, TorchDevice device) {
        this.source = source;
        this.store = store;
        this.type = type;
        this.device = device;
    }

    /** Loads whole tensors, in this order. */
    public List<Tensor> load(TensorScope scope, List<String> names) throws IOException {
        List<Tensor> tensors = new ArrayList<>(names.size());
        List<Piece> pieces = new ArrayList<>();
        for (String name : names) {
            TensorInfo info = store.tensors().get(name);
            Tensor tensor = Tensors.empty(scope, info.shape(), type, device);
            addPieces(pieces, tensor, 0, info);
            tensors.add(tensor);
        }
        fill(pieces);
        return tensors;
    }

    /**
     * Loads blocks of whole tensors, or makes ready to.
     *
     * @param names of all tensors, block by block
     * @param perBlock how many a block has
     */
    public BlockWeights loadBlocks(
            TensorScope scope, List<String> names, int perBlock, BlockWeights.Placement placement) throws IOException {
        List<List<String>> blocks = IntStream.range(0, names.size() / perBlock)
                .mapToObj(i -> names.subList(i * perBlock, (i + 1) * perBlock))
                .toList();
        return switch (placement) {
            case RESIDENT -> {
                List<Tensor> all = load(scope, names);
                yield BlockWeights.resident(IntStream.range(0, blocks.size())
                        .mapToObj(i -> all.subList(i * perBlock, (i + 1) * perBlock))
                        .toList());
            }
            case STREAMED ->
                streamed(blocks.stream()
                        .<BlockWeights.Loading>map(block -> (loader, target) -> loader.load(target, block))
                        .toList());
        };
    }

    /**
     * Loads blocks of tensors, each stacked as {@link #loadStacked} does, or makes ready to.
     *
     * @param names of the tensors of each stack of each block
     */
    public BlockWeights loadStackedBlocks(
            TensorScope scope, List<List<List<String>>> names, BlockWeights.Placement placement) throws IOException {
        return switch (placement) {
            case RESIDENT -> {
                List<List<Tensor>> blocks = new ArrayList<>();
                for (List<List<String>> block : names) {
                    blocks.add(loadStacks(scope, block));
                }
                yield BlockWeights.resident(blocks);
            }
            case STREAMED ->
                streamed(names.stream()
                        .<BlockWeights.Loading>map(block -> (loader, target) -> loader.loadStacks(target, block))
                        .toList());
        };
    }

    private List<Tensor> loadStacks(TensorScope scope, List<List<String>> stacks) throws IOException {
        List<Tensor> tensors = new ArrayList<>();
        for (List<String> stack : stacks) {
            tensors.add(loadStacked(scope, stack));
        }
        return tensors;
    }

    private BlockWeights streamed(List<BlockWeights.Loading> blocks) {
        return BlockWeights.streamed(source, blocks, type, device);
    }

    /** Loads rows of a matrix, in this order. */
    public Tensor loadRows(TensorScope scope, String name, List<Integer> rows) throws IOException {
        TensorInfo matrix = store.tensors().get(name);
        long width = matrix.shape().get(1);
        Tensor tensor = Tensors.empty(scope, List.of((long) rows.size(), width), type, device);
        List<Piece> pieces = new ArrayList<>();
        for (int i = 0; i < rows.size(); i++) {
            pieces.add(new Piece(tensor, i * width, matrix, rows.get(i) * width, width));
        }
        fill(pieces);
        return tensor;
    }

    /** Loads tensors of one shape as one tensor with a new first dimension. */
    public Tensor loadStacked(TensorScope scope, List<String> names) throws IOException {
        List<Long> shape = new ArrayList<>(store.tensors().get(names.get(0)).shape());
        shape.add(0, (long) names.size());
        Tensor stacked = Tensors.empty(scope, shape, type, device);
        long size = stacked.size() / names.size();
        List<Piece> pieces = new ArrayList<>();
        for (int i = 0; i < names.size(); i++) {
            addPieces(pieces, stacked, i * size, store.tensors().get(names.get(i)));
        }
        fill(pieces);
        return stacked;
    }

    private void addPieces(List<Piece> pieces, Tensor destination, long start, TensorInfo info) throws IOException {
        ElementType stored = stored(info);
        long chunk = (isDirect(stored) ? DIRECT_CHUNK_BYTES : STAGING_BYTES) / stored.byteSize();
        long elements = info.shape().stream().reduce(1L, Math::multiplyExact);
        for (long done = 0; done < elements; done += chunk) {
            pieces.add(new Piece(destination, start + done, info, done, Math.min(chunk, elements - done)));
        }
    }

    private ElementType stored(TensorInfo info) throws IOException {
        return ElementType.of(info.dtype())
                .orElseThrow(() -> new IOException("Cannot load tensor '%s' of %s: weights of type %s are not supported"
                        .formatted(info.name(), store.location(), info.dtype())));
    }

    private boolean isDirect(ElementType stored) {
        return stored == type && device.isCpu();
    }

    /** Reads all pieces, in a few threads where there are many. */
    private void fill(List<Piece> pieces) throws IOException {
        int readers = Math.min(Math.min(MAX_READERS, Runtime.getRuntime().availableProcessors()), pieces.size());
        Queue<Piece> waiting = new ConcurrentLinkedQueue<>(pieces);
        if (readers <= 1) {
            fillFrom(waiting);
            return;
        }
        ExecutorService pool = Executors.newFixedThreadPool(readers);
        try {
            List<Future<Void>> all = new ArrayList<>();
            for (int i = 0; i < readers; i++) {
                all.add(pool.submit(() -> {
                    DeviceStream.ofThisThread(device);
                    fillFrom(waiting);
                    return null;
                }));
            }
            join(all, waiting);
        } finally {
            pool.shutdown();
        }
    }

    /** Waits for all readers, also when one fails: the tensors that they fill must outlive them. */
    private static void join(List<Future<Void>> readers, Queue<Piece> waiting) throws IOException {
        Throwable failure = null;
        for (Future<Void> reader : readers) {
            try {
                Uninterrupted.get(reader);
            } catch (ExecutionException e) {
                waiting.clear();
                failure = failure == null ? e.getCause() : failure;
            }
        }
        if (failure != null) {
            rethrow(failure);
        }
    }

    /** Throws on what another thread threw while it read. */
    static void rethrow(Throwable failure) throws IOException {
        if (failure instanceof IOException e) {
            throw e;
        }
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        if (failure instanceof Error e) {
            throw e;
        }
        throw new IllegalStateException(failure);
    }

    private void fillFrom(Queue<Piece> waiting) throws IOException {
        Map<ElementType, Tensor> buffers = takeBuffers();
        try {
            for (Piece piece = waiting.poll(); piece != null; piece = waiting.poll()) {
                fill(piece, buffers);
            }
        } finally {
            giveBack(buffers);
        }
    }

    private void fill(Piece piece, Map<ElementType, Tensor> buffers) throws IOException {
        ElementType stored = stored(piece.info());
        long offset = piece.first() * stored.byteSize();
        try (TensorScope views = new TensorScope()) {
            Tensor part = Tensors.flatSlice(views, piece.destination(), piece.start(), piece.length());
            if (isDirect(stored)) {
                store.read(piece.info().name(), offset, part.memory());
            } else {
                Tensor buffer = buffers.computeIfAbsent(stored, this::newBuffer);
                Tensor source = Tensors.flatSlice(views, buffer, 0, piece.length());
                ByteBuffer bytes = source.memory();
                store.read(piece.info().name(), offset, bytes);
                Tensors.copy(source, part);
            }
        }
    }

    private Tensor newBuffer(ElementType stored) {
        return Tensors.emptyStaging(staging, List.of((long) STAGING_BYTES / stored.byteSize()), stored, device);
    }

    private synchronized Map<ElementType, Tensor> takeBuffers() {
        return idleBuffers.isEmpty() ? new EnumMap<>(ElementType.class) : idleBuffers.remove();
    }

    private synchronized void giveBack(Map<ElementType, Tensor> buffers) {
        idleBuffers.add(buffers);
    }

    @Override
    public void close() {
        staging.close();
    }
}
