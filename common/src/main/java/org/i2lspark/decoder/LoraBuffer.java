package org.i2lspark.decoder;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.decoder.DecoderLayout.Module;
import org.i2lspark.decoder.FactorBucket.Kind;
import org.i2lspark.lora.Lora;
import org.i2lspark.lora.LoraModule;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;

/**
 * The memory of a LoRA in the making: one tensor of its final size, on the CPU, in the type that is written. It holds the
 * buckets one after the other, and in each the factors of its modules as a file has them, {@code [rank, in]} or
 * {@code [out, rank]}. Factors are put into their place along the rank as they are decoded.
 */
final class LoraBuffer implements AutoCloseable {
    /** A direct buffer over tensor memory must stay under 2 GiB. */
    private static final long DIRECT_BUFFER_BYTES = 1L << 30;

    private final List<FactorBucket> buckets;
    private final int rank;
    private final ElementType type;
    private final TensorScope memory = new TensorScope();
    private final Tensor elements;

    LoraBuffer(List<FactorBucket> buckets, int rank, ElementType type) {
        this.buckets = buckets;
        this.rank = rank;
        this.type = type;
        try {
            this.elements = Tensors.empty(memory, List.of(start(buckets.size())), type, TorchDevice.CPU);
        } catch (Throwable e) {
            memory.close();
            throw e;
        }
    }

    /** The first element of a bucket. */
    private long start(int bucket) {
        return buckets.subList(0, bucket).stream()
                .mapToLong(before -> factorElements(before) * before.modules().size())
                .sum();
    }

    private long factorElements(FactorBucket bucket) {
        return bucket.size() * rank;
    }

    /**
     * Puts what a decoder gave for some images, A divided by their number.
     *
     * @param factors {@code [modules, DecoderLayout.RANK * size, images]}; those of these images are spent
     * @param offset the rank at which they begin
     */
    void putImages(int bucket, Tensor factors, int first, int count, int offset) {
        String method = buckets.get(bucket).kind() == Kind.A ? "put_a" : "put_b";
        try (TensorScope views = new TensorScope()) {
            LoraDecoder.GRAPH.execute(
                    method, factors, first, count, DecoderLayout.RANK, destination(views, bucket), offset);
        }
    }

    /**
     * Puts factors as they are.
     *
     * @param factors {@code [modules, DecoderLayout.RANK, in]} or {@code [modules, out, DecoderLayout.RANK]}
     * @param offset the rank at which they begin
     */
    void putMerged(int bucket, Tensor factors, int offset) {
        int dimension = buckets.get(bucket).kind().rankDimension();
        try (TensorScope views = new TensorScope()) {
            LoraDecoder.GRAPH.execute("put_merged", factors, dimension, destination(views, bucket), offset);
        }
    }

    private Tensor destination(TensorScope views, int bucket) {
        return Tensors.view(views, elements, start(bucket), buckets.get(bucket).shape(rank));
    }

    /** The LoRA, when all of it has been put. It owns this buffer's memory from then on. */
    Lora toLora(List<Module> modules) {
        Map<String, ByteBuffer> a = new HashMap<>();
        Map<String, ByteBuffer> b = new HashMap<>();
        for (int i = 0; i < buckets.size(); i++) {
            FactorBucket bucket = buckets.get(i);
            Map<String, ByteBuffer> bytes = bucket.kind() == Kind.A ? a : b;
            List<ByteBuffer> factors = factors(i);
            for (int m = 0; m < factors.size(); m++) {
                bytes.put(bucket.modules().get(m).name(), factors.get(m));
            }
        }
        List<LoraModule> merged = modules.stream()
                .map(module -> new LoraModule(
                        new Shape(module.name(), rank, Math.toIntExact(module.in()), Math.toIntExact(module.out())),
                        a.get(module.name()),
                        b.get(module.name())))
                .toList();
        return new Lora(type, merged, memory);
    }

    /** The bytes of each factor of a bucket, seen through as few direct buffers as may be. */
    private List<ByteBuffer> factors(int bucket) {
        long factor = factorElements(buckets.get(bucket));
        int bytes = Math.toIntExact(factor * type.byteSize());
        int count = buckets.get(bucket).modules().size();
        int atOnce = (int) Math.max(1, DIRECT_BUFFER_BYTES / bytes);
        List<ByteBuffer> factors = new ArrayList<>(count);
        for (int first = 0; first < count; first += atOnce) {
            int seen = Math.min(atOnce, count - first);
            ByteBuffer direct = Tensors.flatSlice(memory, elements, start(bucket) + first * factor, seen * factor)
                    .memory();
            for (int m = 0; m < seen; m++) {
                factors.add(direct.slice(m * bytes, bytes));
            }
        }
        return factors;
    }

    @Override
    public void close() {
        memory.close();
    }
}
