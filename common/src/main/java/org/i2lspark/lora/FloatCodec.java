package org.i2lspark.lora;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.i2lspark.torch.ElementType;

/** Turns stored elements into floats and back. */
final class FloatCodec {
    private FloatCodec() {}

    static float[] decode(ByteBuffer bytes, ElementType type) {
        ByteBuffer in = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        float[] floats = new float[in.remaining() / type.byteSize()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = switch (type) {
                case FLOAT32 -> in.getFloat();
                case FLOAT64 -> (float) in.getDouble();
                case BFLOAT16 -> Float.intBitsToFloat(in.getShort() << 16);
                case FLOAT16 -> halfToFloat(in.getShort());
                case UINT8 -> throw new IllegalArgumentException("Not a float type: " + type);
            };
        }
        return floats;
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
