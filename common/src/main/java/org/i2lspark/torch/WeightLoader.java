package org.i2lspark.torch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.safetensors.TensorStore;

/**
 * Brings weights from a checkpoint into tensors of one element type on one device. Bytes go from the file straight into
 * native memory: into the tensor itself where type and device allow it, else through a staging buffer of
 * {@value #STAGING_BYTES} bytes. Nothing is put on the Java heap, and every byte is read once.
 */
public final class WeightLoader implements AutoCloseable {
    private static final int STAGING_BYTES = 64 << 20;
    /** A direct buffer over tensor memory must stay under 2 GiB. */
    private static final long DIRECT_CHUNK_BYTES = 1L << 30;

    private final TensorStore store;
    private final ElementType type;
    private final TorchDevice device;
    private final TensorScope staging = new TensorScope();
    private final Map<ElementType, Tensor> stagingBuffers = new EnumMap<>(ElementType.class);

    /** Builds something from the weights of a checkpoint. */
    @FunctionalInterface
    public interface Builder<T> {
        T build(WeightLoader loader, TensorScope scope) throws IOException;
    }

    /**
     * Builds something that owns its weights. If that fails, the weights loaded until then are freed.
     *
     * @param builder is given the scope that the result is to own
     */
    public static <T> T load(TensorStore store, ElementType type, TorchDevice device, Builder<T> builder)
            throws IOException {
        TensorScope scope = new TensorScope();
        try (WeightLoader loader = new WeightLoader(store, type, device)) {
            T built = builder.build(loader, scope);
            // casts may still run on the GPU, and other streams do not wait for them
            DeviceStream.finish(device);
            return built;
        } catch (Throwable e) {
            scope.close();
            throw e;
        }
    }

    WeightLoader(TensorStore store, ElementType type, TorchDevice device) {
        this.store = store;
        this.type = type;
        this.device = device;
    }

    /** Loads whole tensors, in this order. */
    public List<Tensor> load(TensorScope scope, List<String> names) throws IOException {
        List<Tensor> tensors = new ArrayList<>(names.size());
        for (String name : names) {
            TensorInfo info = store.tensors().get(name);
            Tensor tensor = Tensors.empty(scope, info.shape(), type, device);
            fill(tensor, 0, info);
            tensors.add(tensor);
        }
        return tensors;
    }

    /** Loads rows of a matrix, in this order. */
    public Tensor loadRows(TensorScope scope, String name, List<Integer> rows) throws IOException {
        TensorInfo matrix = store.tensors().get(name);
        long width = matrix.shape().get(1);
        Tensor tensor = Tensors.empty(scope, List.of((long) rows.size(), width), type, device);
        for (int i = 0; i < rows.size(); i++) {
            fill(tensor, i * width, matrix, rows.get(i) * width, width);
        }
        return tensor;
    }

    /** Loads tensors of one shape as one tensor with a new first dimension. */
    public Tensor loadStacked(TensorScope scope, List<String> names) throws IOException {
        List<Long> shape = new ArrayList<>(store.tensors().get(names.get(0)).shape());
        shape.add(0, (long) names.size());
        Tensor stacked = Tensors.empty(scope, shape, type, device);
        long size = stacked.size() / names.size();
        for (int i = 0; i < names.size(); i++) {
            fill(stacked, i * size, store.tensors().get(names.get(i)));
        }
        return stacked;
    }

    private void fill(Tensor destination, long start, TensorInfo info) throws IOException {
        fill(destination, start, info, 0, info.shape().stream().reduce(1L, Math::multiplyExact));
    }

    /** Reads {@code elements} elements of a tensor from {@code first} on to {@code start} in the destination. */
    private void fill(Tensor destination, long start, TensorInfo info, long first, long elements) throws IOException {
        ElementType stored = ElementType.of(info.dtype())
                .orElseThrow(() -> new IOException("Cannot load tensor '%s' of %s: weights of type %s are not supported"
                        .formatted(info.name(), store.location(), info.dtype())));
        boolean direct = stored == type && device.isCpu();
        long chunkBytes = direct ? DIRECT_CHUNK_BYTES : STAGING_BYTES;

        long chunk = chunkBytes / stored.byteSize();
        for (long done = 0; done < elements; done += chunk) {
            long length = Math.min(chunk, elements - done);
            try (TensorScope views = new TensorScope()) {
                Tensor part = Tensors.flatSlice(views, destination, start + done, length);
                if (direct) {
                    store.read(info.name(), (first + done) * stored.byteSize(), part.memory());
                } else {
                    Tensor source = stagingSlice(views, stored, length);
                    ByteBuffer bytes = source.memory();
                    store.read(info.name(), (first + done) * stored.byteSize(), bytes);
                    Tensors.copy(source, part);
                }
            }
        }
    }

    private Tensor stagingSlice(TensorScope views, ElementType stored, long length) {
        Tensor buffer = stagingBuffers.computeIfAbsent(
                stored,
                type -> Tensors.emptyStaging(staging, List.of((long) STAGING_BYTES / type.byteSize()), type, device));
        return Tensors.flatSlice(views, buffer, 0, length);
    }

    @Override
    public void close() {
        staging.close();
    }
}
