package org.i2lspark.image;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;
import org.i2lspark.image.Container.Canvas;

/** The blocks of a GIF up to its first frame, which alone is the picture. */
final class Gif {
    private static final int EXTENSION = 0x21;
    private static final int GRAPHIC_CONTROL = 0xF9;
    private static final int FRAME = 0x2C;
    private static final byte TRAILER = 0x3B;
    private static final int WHITE = 0xFFFFFF;
    private static final int MAX_CODES = 1 << 12;

    private final ByteBuffer buffer;
    private boolean transparent;

    private Gif(byte[] bytes) {
        this.buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    static Container walk(byte[] bytes) throws ImageException {
        try {
            return new Gif(bytes).walk();
        } catch (BufferUnderflowException | IllegalArgumentException | IndexOutOfBoundsException e) {
            throw ImageException.truncated("GIF that ends before its first frame");
        }
    }

    private Container walk() throws ImageException {
        int table = 13;
        byte flags = buffer.get(10);
        buffer.position(table + colorTableBytes(flags));
        int block = next();
        while (block == EXTENSION) {
            if (next() == GRAPHIC_CONTROL) {
                transparent = (buffer.get(buffer.position() + 1) & 1) != 0;
            }
            skipSubBlocks();
            block = next();
        }
        if (block != FRAME) {
            throw ImageException.damaged("GIF without a frame", null);
        }
        int left = nextShort();
        int top = nextShort();
        long pixels = (long) nextShort() * nextShort();
        byte frameFlags = buffer.get();
        if (hasColorTable(frameFlags)) {
            flags = frameFlags;
            table = buffer.position();
            buffer.position(table + colorTableBytes(frameFlags));
        }
        Canvas canvas = new Canvas(
                buffer.getShort(6) & 0xFFFF, buffer.getShort(8) & 0xFFFF, left, top, background(flags, table));
        return new Container(frame(pixels), true, Optional.empty(), Optional.of(canvas));
    }

    /** Where there is no frame, Pillow shows the first colour, or nothing if the frame has a transparent one. */
    private int background(byte flags, int table) {
        if (transparent) {
            return WHITE;
        }
        return hasColorTable(flags) ? ByteBuffer.wrap(buffer.array()).getInt(table) >>> Byte.SIZE : 0;
    }

    /** The file up to the end of its first frame: of one without end marks, all that is there, with these. */
    private byte[] frame(long pixels) throws ImageException {
        int codeBits = next();
        if (codeBits < 1 || codeBits > 8) {
            throw ImageException.damaged("GIF with codes of %d bits".formatted(codeBits), null);
        }
        byte[] picture = Arrays.copyOf(buffer.array(), buffer.capacity() + 2);
        byte[] codes = new byte[buffer.remaining()];
        int size = 0;
        while (buffer.remaining() > 1 && buffer.get(buffer.position()) != 0) {
            int start = buffer.position();
            int length = Math.min(next(), buffer.remaining());
            picture[start] = (byte) length;
            buffer.get(codes, size, length);
            size += length;
        }
        if (countPixels(codes, size, codeBits) < pixels) {
            throw ImageException.truncated("GIF with fewer pixels than its first frame has");
        }
        picture[buffer.position()] = 0;
        picture[buffer.position() + 1] = TRAILER;
        return picture;
    }

    /** How many pixels LZW codes stand for; the reader leaves blank what they lack. */
    private static long countPixels(byte[] codes, int size, int codeBits) {
        int clear = 1 << codeBits;
        int end = clear + 1;
        int[] lengths = new int[MAX_CODES];
        Arrays.fill(lengths, 0, clear, 1);
        int known = end + 1;
        int width = codeBits + 1;
        int previous = 0;
        long pixels = 0;
        for (long bit = 0; bit + width <= (long) size * Byte.SIZE; ) {
            int code = code(codes, bit, width);
            bit += width;
            if (code == clear) {
                known = end + 1;
                width = codeBits + 1;
                previous = 0;
                continue;
            }
            if (previous > 0 && known < MAX_CODES) {
                lengths[known++] = previous + 1;
            }
            if (code == end || code >= known) {
                break;
            }
            if (known == 1 << width && known < MAX_CODES) {
                width++;
            }
            previous = lengths[code];
            pixels += previous;
        }
        return pixels;
    }

    private static int code(byte[] codes, long bit, int width) {
        int at = (int) (bit / Byte.SIZE);
        int bits = 0;
        for (int i = 0; i < 3 && at + i < codes.length; i++) {
            bits |= (codes[at + i] & 0xFF) << (i * Byte.SIZE);
        }
        return bits >>> (bit % Byte.SIZE) & ((1 << width) - 1);
    }

    private int next() {
        return buffer.get() & 0xFF;
    }

    private int nextShort() {
        return buffer.getShort() & 0xFFFF;
    }

    private static boolean hasColorTable(byte flags) {
        return (flags & 0x80) != 0;
    }

    private static int colorTableBytes(byte flags) {
        return hasColorTable(flags) ? 3 << ((flags & 7) + 1) : 0;
    }

    private void skipSubBlocks() {
        int length;
        do {
            length = next();
            buffer.position(buffer.position() + length);
        } while (length > 0);
    }
}
