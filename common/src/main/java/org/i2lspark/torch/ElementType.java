package org.i2lspark.torch;

import java.util.Arrays;
import java.util.Optional;
import org.i2lspark.safetensors.DType;

/** Tensor element types that torch and safetensors share. */
public enum ElementType {
    UINT8(DType.U8, 0),
    FLOAT16(DType.F16, 5),
    FLOAT32(DType.F32, 6),
    FLOAT64(DType.F64, 7),
    BFLOAT16(DType.BF16, 15);

    private final DType dtype;
    private final int torchCode;

    ElementType(DType dtype, int torchCode) {
        this.dtype = dtype;
        this.torchCode = torchCode;
    }

    /** The type with which such elements are stored in a safetensors file. */
    public DType dtype() {
        return dtype;
    }

    /** Size of one element in bytes. */
    public int byteSize() {
        return dtype.bits() / Byte.SIZE;
    }

    /** The number of torch's {@code ScalarType}, which is how TorchScript passes a dtype. */
    long torchCode() {
        return torchCode;
    }

    /** The type of elements stored as {@code dtype}, if torch can compute with it here. */
    public static Optional<ElementType> of(DType dtype) {
        return Arrays.stream(values()).filter(type -> type.dtype == dtype).findFirst();
    }
}
