package org.i2lspark.image;

import static org.i2lspark.image.ImageFormat.startsWith;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import org.i2lspark.image.Container.Canvas;

/** The chunks of a WebP. Of an animation, the first frame is the picture, as in Pillow. */
final class Webp {
    private static final int HEADER_BYTES = 12;
    private static final int CHUNK_HEADER_BYTES = 8;
    private static final int EXTENDED_BYTES = 10;
    private static final int FRAME_HEADER_BYTES = 16;
    private static final int ANIMATED = 0x02;
    private static final int TRANSPARENT = 0x10;
    private static final int WHITE = 0xFFFFFF;
    private static final int BLACK = 0;

    private final byte[] bytes;
    private final ByteBuffer buffer;

    private Webp(byte[] bytes) {
        this.bytes = bytes;
        this.buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    static Container walk(byte[] bytes) throws ImageException {
        return new Webp(bytes).walk();
    }

    /** A chunk's name and where its data lie. */
    private record Chunk(String name, int start, int length) {
        int end() {
            return start + length;
        }
    }

    private Container walk() throws ImageException {
        long end = CHUNK_HEADER_BYTES + (buffer.getInt(4) & 0xFFFF_FFFFL);
        if (end > bytes.length) {
            throw ImageException.truncated("WebP of %d bytes that should have %d".formatted(bytes.length, end));
        }
        requireWholeChunks((int) end);
        Optional<Chunk> extended = find("VP8X", HEADER_BYTES, (int) end);
        Optional<Chunk> icc = find("ICCP", HEADER_BYTES, (int) end);
        Optional<byte[]> profile = icc.map(chunk -> Arrays.copyOfRange(bytes, chunk.start(), chunk.end()));
        if (extended.isEmpty() || (bytes[extended.get().start()] & ANIMATED) == 0) {
            return new Container(bytes, true, profile, Optional.empty());
        }
        Chunk frame = find("ANMF", HEADER_BYTES, (int) end)
                .filter(chunk -> chunk.length() > FRAME_HEADER_BYTES)
                .orElseThrow(() -> ImageException.damaged("animated WebP without a frame", null));
        return firstFrame(extended.get(), frame, profile);
    }

    private void requireWholeChunks(int end) throws ImageException {
        long position = HEADER_BYTES;
        while (position + CHUNK_HEADER_BYTES <= end) {
            long length = buffer.getInt((int) position + 4) & 0xFFFF_FFFFL;
            position += CHUNK_HEADER_BYTES + length;
            if (position > end) {
                throw ImageException.truncated("WebP chunk that reaches past the end");
            }
            position += length & 1;
        }
    }

    private Container firstFrame(Chunk extended, Chunk frame, Optional<byte[]> profile) throws ImageException {
        boolean transparent = (bytes[extended.start()] & TRANSPARENT) != 0;
        Canvas canvas = new Canvas(
                1 + number(extended.start() + 4),
                1 + number(extended.start() + 7),
                2 * number(frame.start()),
                2 * number(frame.start() + 3),
                transparent ? WHITE : BLACK);
        int width = 1 + number(frame.start() + 6);
        int height = 1 + number(frame.start() + 9);
        if (canvas.left() + width > canvas.width() || canvas.top() + height > canvas.height()) {
            throw ImageException.damaged("animated WebP with a frame beyond its canvas", null);
        }
        return new Container(still(frame, transparent), true, profile, Optional.of(canvas));
    }

    /** A frame as a file of its own; without transparency where the animation has none. */
    private byte[] still(Chunk frame, boolean transparent) throws ImageException {
        int start = frame.start() + FRAME_HEADER_BYTES;
        Chunk pixels = find("VP8 ", start, frame.end())
                .or(() -> find("VP8L", start, frame.end()))
                .orElseThrow(() -> ImageException.damaged("animated WebP with an empty frame", null));
        Optional<Chunk> alpha = find("ALPH", start, frame.end()).filter(chunk -> transparent);
        ByteBuffer still = ByteBuffer.allocate(frame.length() + HEADER_BYTES + CHUNK_HEADER_BYTES + EXTENDED_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN);
        still.position(HEADER_BYTES);
        if (alpha.isPresent()) {
            putHeader(still, "VP8X", EXTENDED_BYTES);
            still.putInt(TRANSPARENT).put(bytes, frame.start() + 6, 6);
            put(still, alpha.get());
        }
        int data = still.position() + CHUNK_HEADER_BYTES;
        put(still, pixels);
        if (!transparent && pixels.name().equals("VP8L") && pixels.length() > 4) {
            still.put(data + 4, (byte) (still.get(data + 4) & ~0x10));
        }
        int size = still.position();
        still.position(0);
        putHeader(still, "RIFF", size - CHUNK_HEADER_BYTES);
        still.put("WEBP".getBytes(StandardCharsets.ISO_8859_1));
        return still.array();
    }

    private void put(ByteBuffer still, Chunk chunk) {
        putHeader(still, chunk.name(), chunk.length());
        still.put(bytes, chunk.start(), chunk.length());
        still.position(still.position() + (chunk.length() & 1));
    }

    private static void putHeader(ByteBuffer still, String name, int length) {
        still.put(name.getBytes(StandardCharsets.ISO_8859_1)).putInt(length);
    }

    /** The first chunk of a name between two places. */
    private Optional<Chunk> find(String name, int from, int to) {
        long position = from;
        while (position + CHUNK_HEADER_BYTES <= to) {
            int start = (int) position + CHUNK_HEADER_BYTES;
            long length = buffer.getInt(start - 4) & 0xFFFF_FFFFL;
            if (start + length > to) {
                return Optional.empty();
            }
            if (startsWith(bytes, (int) position, name)) {
                return Optional.of(new Chunk(name, start, (int) length));
            }
            position = start + length + (length & 1);
        }
        return Optional.empty();
    }

    /** Of three bytes. */
    private int number(int position) {
        return buffer.getInt(position) & 0xFF_FFFF;
    }
}
