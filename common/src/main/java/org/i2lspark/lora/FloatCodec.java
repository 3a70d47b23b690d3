package org.i2lspark.lora;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Set;
import org.i2lspark.safetensors.DType;
import org.i2lspark.torch.ElementType;

/** Turns stored elements into floats and back. */
final class FloatCodec {
    private static final Set<DType> FLOATS =
            Set.of(DType.F64, DType.F32, DType.F16, DType.BF16, DType.F8_E4M3, DType.F8_E5M2);
    private static final Set<DType> INTEGERS = Set.of(DType.I64, DType.I32, DType.I16, DType.I8, DType.U8);

    private static final float[] E4M3 = e4m3();

    private FloatCodec() {}

    /** Whether elements of a type can be decoded. */
    static boolean reads(DType type) {
        return FLOATS.contains(type);
    }

    /** Whether a single number of a type can be decoded: of these, or an integer. */
    static boolean readsNumber(DType type) {
        return reads(type) || INTEGERS.contains(type);
    }

    /** Decodes elements of a type that {@link #reads} accepts. */
    static float[] decode(ByteBuffer bytes, DType type) {
        ByteBuffer in = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        float[] floats = new float[in.remaining() * Byte.SIZE / type.bits()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = switch (type) {
                case F32 -> in.getFloat();
                case F64 -> (float) in.getDouble();
                case BF16 -> Float.intBitsToFloat(in.getShort() << 16);
                case F16 -> halfToFloat(in.getShort());
                case F8_E4M3 -> E4M3[in.get() & 0xFF];
                // a half without its last eight bits
                case F8_E5M2 -> halfToFloat((short) (in.get() << 8));
                default -> throw new IllegalArgumentException("Not a type of factors: " + type);
            };
        }
        return floats;
    }

    /** A single number, of a float or an integer type: some tools store alphas as integers. */
    static double decodeNumber(ByteBuffer bytes, DType type) {
        ByteBuffer in = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        return switch (type) {
            case I64 -> in.getLong();
            case I32 -> in.getInt();
            case I16 -> in.getShort();
            case I8 -> in.get();
            case U8 -> in.get() & 0xFF;
            case F64 -> in.getDouble();
            default -> decode(in, type)[0];
        };
    }

    /** Four exponent bits of bias 7 and three mantissa bits; no infinities, and only all ones is no number. */
    private static float[] e4m3() {
        float[] values = new float[256];
        for (int bits = 0; bits < values.length; bits++) {
            int exponent = (bits >>> 3) & 0xF;
            int mantissa = bits & 0x7;
            float magnitude = exponent == 0 ? mantissa * 0x1p-9f : Math.scalb(1 + mantissa / 8f, exponent - 7);
            magnitude = (bits & 0x7F) == 0x7F ? Float.NaN : magnitude;
            values[bits] = bits < 0x80 ? magnitude : -magnitude;
        }
        return values;
    }

    /** Float32, or bfloat16 rounded to the nearest, ties to even. */
    static ByteBuffer encode(float[] floats, ElementType type) {
        ByteBuffer out = ByteBuffer.allocate(floats.length * type.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
        switch (type) {
            case FLOAT32 -> out.asFloatBuffer().put(floats);
            case BFLOAT16 -> {
                for (float value : floats) {
                    out.putShort(toBfloat16(value));
                }
                out.flip();
            }
            case FLOAT16, FLOAT64, UINT8 ->
                throw new IllegalArgumentException("LoRAs are written in float32 or bfloat16, not " + type);
        }
        return out.position(0);
    }

    private static short toBfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) ((bits >>> 16) | 0x40);
        }
        return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
    }

    private static float halfToFloat(short half) {
        int sign = (half & 0x8000) << 16;
        int exponent = (half >>> 10) & 0x1F;
        int mantissa = half & 0x3FF;
        if (exponent == 0) {
            float subnormal = mantissa * 0x1p-24f;
            return sign == 0 ? subnormal : -subnormal;
        }
        int wide = exponent == 0x1F ? 0xFF : exponent - 15 + 127;
        return Float.intBitsToFloat(sign | (wide << 23) | (mantissa << 13));
    }
}
