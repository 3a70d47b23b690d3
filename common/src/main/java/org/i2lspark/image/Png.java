package org.i2lspark.image;

import static org.i2lspark.image.ImageFormat.startsWith;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.zip.CRC32;
import java.util.zip.InflaterInputStream;

/**
 * The chunks of a PNG. Of a file that is cut or damaged, only what the pixels are made of matters: whether all of them are
 * there, the reader finds out, and the compressed data carry a checksum of their own.
 */
final class Png {
    private static final int SIGNATURE_BYTES = 8;
    private static final int CHECKSUM_BYTES = 4;
    private static final byte[] END = {0, 0, 0, 0, 'I', 'E', 'N', 'D', (byte) 0xAE, 0x42, 0x60, (byte) 0x82};
    private static final int MAX_PROFILE_BYTES = 16 << 20;

    private final byte[] bytes;
    private final ByteBuffer picture;
    private Optional<byte[]> profile = Optional.empty();

    private Png(byte[] bytes) {
        this.bytes = bytes;
        this.picture = ByteBuffer.allocate(bytes.length + CHECKSUM_BYTES + END.length);
    }

    static Container walk(byte[] bytes) throws ImageException {
        return new Png(bytes).walk();
    }

    private Container walk() throws ImageException {
        picture.put(bytes, 0, SIGNATURE_BYTES);
        long position = SIGNATURE_BYTES;
        boolean ended = false;
        while (!ended && position + 8 <= bytes.length) {
            int start = (int) position;
            long length = ByteBuffer.wrap(bytes).getInt(start) & 0xFFFF_FFFFL;
            ended = startsWith(bytes, start + 4, "IEND") && position + END.length <= bytes.length;
            keep(start, (int) Math.min(length, bytes.length - start - 8));
            position += 8 + length + CHECKSUM_BYTES;
        }
        picture.put(END);
        return new Container(picture.array(), ended, profile, Optional.empty());
    }

    /** What decides how the picture looks. */
    private void keep(int start, int length) throws ImageException {
        if (startsWith(bytes, start + 4, "IDAT")) {
            picture.putInt(length).put(bytes, start + 4, length + 4).putInt(0); // no reader checks it
        } else if (startsWith(bytes, start + 4, "IHDR")
                || startsWith(bytes, start + 4, "PLTE")
                || startsWith(bytes, start + 4, "tRNS")
                || startsWith(bytes, start + 4, "eXIf")) {
            requireChecksum(start, length);
            picture.put(bytes, start, 8 + length + CHECKSUM_BYTES);
        } else if (startsWith(bytes, start + 4, "iCCP")) {
            profile = inflateProfile(start + 8, length);
        }
    }

    private void requireChecksum(int start, int length) throws ImageException {
        int end = start + 8 + length;
        if (end + CHECKSUM_BYTES > bytes.length) {
            throw ImageException.truncated("PNG that ends within a chunk it needs");
        }
        CRC32 crc = new CRC32();
        crc.update(bytes, start + 4, length + 4);
        if ((int) crc.getValue() != ByteBuffer.wrap(bytes).getInt(end)) {
            throw ImageException.damaged("wrong checksum in the PNG chunk at byte " + start, null);
        }
    }

    /** Profile name, zero, compression method, zlib data. A profile that cannot be read is as good as none. */
    private Optional<byte[]> inflateProfile(int start, int length) {
        int name = start;
        while (name < start + length && bytes[name] != 0) {
            name++;
        }
        int zlib = name + 2;
        if (zlib >= start + length) {
            return Optional.empty();
        }
        try (InflaterInputStream in =
                new InflaterInputStream(new ByteArrayInputStream(bytes, zlib, start + length - zlib))) {
            return Optional.of(in.readNBytes(MAX_PROFILE_BYTES));
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
