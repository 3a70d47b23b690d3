package org.i2lspark.torch;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Makes, slices and copies tensors of any element type, on any device. */
public final class Tensors {
    private static final Graph MEMORY = Graph.load(Tensors.class, "memory.py");

    private Tensors() {}

    /** An uninitialised tensor. */
    public static Tensor empty(TensorScope scope, List<Long> shape, ElementType type, TorchDevice device) {
        return MEMORY.call(
                scope, "empty", shape.stream().mapToLong(Long::longValue).toArray(), type, device, false);
    }

    /** An uninitialised tensor on the CPU that {@code device} can copy from at full speed. */
    public static Tensor emptyStaging(TensorScope scope, List<Long> shape, ElementType type, TorchDevice device) {
        return MEMORY.call(
                scope,
                "empty",
                shape.stream().mapToLong(Long::longValue).toArray(),
                type,
                TorchDevice.CPU,
                !device.isCpu());
    }

    /** {@code length} elements of a contiguous tensor from the flat index {@code start} on, as a view. */
    public static Tensor flatSlice(TensorScope scope, Tensor tensor, long start, long length) {
        return MEMORY.callForView(scope, "flat_slice", tensor, start, length);
    }

    /** The elements of a contiguous tensor from the flat index {@code start} on, in this shape, as a view. */
    public static Tensor view(TensorScope scope, Tensor tensor, long start, List<Long> shape) {
        return MEMORY.callForView(
                scope,
                "view",
                tensor,
                start,
                shape.stream().mapToLong(Long::longValue).toArray());
    }

    /** Copies all elements to a tensor of the same shape, across devices and element types. */
    public static void copy(Tensor source, Tensor destination) {
        MEMORY.execute("copy", source, destination);
    }

    /** Copies each tensor to the one of the same place, as {@link #copy} does, with nothing in between. */
    public static void copyAll(List<Tensor> sources, List<Tensor> destinations) {
        MEMORY.execute("copy_all", sources, destinations);
    }

    /** A float32 matrix on the CPU. */
    public static Tensor ofRows(TensorScope scope, List<float[]> rows) {
        Tensor tensor = empty(
                scope, List.of((long) rows.size(), (long) rows.get(0).length), ElementType.FLOAT32, TorchDevice.CPU);
        var floats = tensor.memory().asFloatBuffer();
        rows.forEach(floats::put);
        return tensor;
    }

    /** A float32 tensor on the CPU. */
    public static Tensor ofFloats(TensorScope scope, float[] floats, List<Long> shape) {
        Tensor tensor = empty(scope, shape, ElementType.FLOAT32, TorchDevice.CPU);
        tensor.memory().asFloatBuffer().put(floats);
        return tensor;
    }

    /** A uint8 tensor on the CPU. */
    public static Tensor ofBytes(TensorScope scope, byte[] bytes, List<Long> shape) {
        Tensor tensor = empty(scope, shape, ElementType.UINT8, TorchDevice.CPU);
        tensor.memory().put(bytes);
        return tensor;
    }

    /** A uint8 tensor on the CPU, {@code [items.size(), shape…]}, one item after the other. */
    public static Tensor stackBytes(TensorScope scope, List<byte[]> items, List<Long> shape) {
        List<Long> stackedShape = new ArrayList<>(shape);
        stackedShape.add(0, (long) items.size());
        Tensor tensor = empty(scope, stackedShape, ElementType.UINT8, TorchDevice.CPU);
        ByteBuffer bytes = tensor.memory();
        items.forEach(bytes::put);
        return tensor;
    }
}
