package org.i2lspark.safetensors;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.stream.Collectors;

/**
 * What a header says of one tensor.
 *
 * @param shape row-major, outermost dimension first; empty for a scalar
 * @param offset first byte, counted from the start of the data section
 * @param byteSize length in bytes
 */
public record TensorInfo(String name, DType dtype, List<Long> shape, long offset, long byteSize) {
    public TensorInfo {
        requireNonNull(name, "name is null");
        requireNonNull(dtype, "dtype is null");
        shape = List.copyOf(shape);
    }

    /** The shape as people write it, {@code 4x3072}; {@code scalar} when there is no dimension. */
    public String shapeText() {
        return shapeText(shape);
    }

    /** {@code [4, 3072]} as {@code 4x3072}; {@code scalar} when there is no dimension. */
    public static String shapeText(List<Long> shape) {
        return shape.isEmpty() ? "scalar" : shape.stream().map(String::valueOf).collect(Collectors.joining("x"));
    }

    /**
     * Bytes that a tensor of this type and shape takes.
     *
     * @throws ArithmeticException if that overflows 63 bits, or is not a whole number of bytes
     */
    static long byteSize(DType dtype, List<Long> shape) {
        long bits = dtype.bits();
        for (long dimension : shape) {
            bits = Math.multiplyExact(bits, dimension);
        }
        if (bits % Byte.SIZE != 0) {
            throw new ArithmeticException("not a whole number of bytes");
        }
        return bits / Byte.SIZE;
    }
}
