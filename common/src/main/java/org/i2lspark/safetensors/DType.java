package org.i2lspark.safetensors;

/**
 * Element types of the safetensors format. Those without a Java or torch counterpart here are still read, sliced and
 * written as opaque bytes.
 */
public enum DType {
    BOOL(8),
    U8(8),
    I8(8),
    I16(16),
    F16(16),
    BF16(16),
    I32(32),
    F32(32),
    I64(64),
    F64(64),

    F4(4),
    F6_E2M3(6),
    F6_E3M2(6),
    F8_E4M3(8),
    F8_E5M2(8),
    F8_E8M0(8),
    F8_E4M3FNUZ(8),
    F8_E5M2FNUZ(8),
    U16(16),
    U32(32),
    U64(64),
    C64(64);

    private final int bits;

    DType(int bits) {
        this.bits = bits;
    }

    /** Size of one element in bits: the format has types narrower than a byte. */
    public int bits() {
        return bits;
    }

    /** The alignment in bytes that a reader may rely on for data of this type. */
    int alignment() {
        return Math.max(1, bits / Byte.SIZE);
    }
}
