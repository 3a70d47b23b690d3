package org.i2lspark.image;

import static org.i2lspark.image.ImageFormat.startsWith;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32;
import java.util.zip.InflaterInputStream;

/**
 * Walks the outer structure of an encoded image. ImageIO's readers fill up what a truncated file lacks, so that the file
 * is complete is checked here; and they ignore colour profiles of some formats, so those are found here.
 *
 * @param iccProfile the embedded profile where ImageIO would not find it: in PNG and WebP
 * @param canvas of a GIF, on which its first frame lies
 */
record Container(Optional<byte[]> iccProfile, Optional<Canvas> canvas) {
    private static final int MAX_PROFILE_BYTES = 16 << 20;

    /** A GIF's logical screen and the place of the first frame on it. */
    record Canvas(int width, int height, int left, int top) {}

    private static final Container PLAIN = new Container(Optional.empty(), Optional.empty());

    static Container walk(ImageFormat format, byte[] bytes) throws ImageException {
        return switch (format) {
            case JPEG -> walkJpeg(bytes);
            case PNG -> walkPng(bytes);
            case GIF -> walkGif(bytes);
            case WEBP -> walkWebp(bytes);
            case BMP -> walkBmp(bytes);
            case TIFF -> PLAIN; // its reader fails at strips beyond the end
        };
    }

    /** Segments up to the scans, then entropy-coded data up to the end-of-image marker. */
    private static Container walkJpeg(byte[] bytes) throws ImageException {
        int position = 2;
        boolean inScan = false;
        while (position + 1 < bytes.length) {
            int marker = bytes[position + 1] & 0xFF;
            if ((bytes[position] & 0xFF) != 0xFF) {
                position++;
            } else if (marker == 0xD9 && inScan) {
                return PLAIN;
            } else if (marker == 0xFF) {
                position++;
            } else if (marker == 0 || marker == 0x01 || (marker >= 0xD0 && marker <= 0xD9)) {
                position += 2;
            } else if (position + 3 < bytes.length) {
                inScan |= marker == 0xDA;
                position += 2 + Math.max(2, unsignedShort(bytes, position + 2, ByteOrder.BIG_ENDIAN));
            } else {
                break;
            }
        }
        throw ImageException.truncated("JPEG without its end marker");
    }

    private static Container walkPng(byte[] bytes) throws ImageException {
        Optional<byte[]> profile = Optional.empty();
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        long position = 8;
        while (position + 12 <= bytes.length) {
            long length = buffer.getInt((int) position) & 0xFFFF_FFFFL;
            int data = (int) position + 8;
            if (position + 12 + length > bytes.length) {
                break;
            }
            if (startsWith(bytes, data - 4, "IEND")) {
                return new Container(profile, Optional.empty());
            }
            boolean critical = Character.isUpperCase(bytes[data - 4]);
            if (critical) {
                CRC32 crc = new CRC32();
                crc.update(bytes, data - 4, (int) length + 4);
                if ((int) crc.getValue() != buffer.getInt(data + (int) length)) {
                    throw ImageException.damaged("wrong checksum in a PNG chunk at byte " + position, null);
                }
            }
            if (startsWith(bytes, data - 4, "iCCP")) {
                profile = inflateProfile(bytes, data, (int) length);
            }
            position += 12 + length;
        }
        throw ImageException.truncated("PNG without its end chunk");
    }

    /** Profile name, zero, compression method, zlib data. A profile that cannot be read is as good as none. */
    private static Optional<byte[]> inflateProfile(byte[] bytes, int start, int length) {
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
            ByteArrayOutputStream profile = new ByteArrayOutputStream();
            profile.write(in.readNBytes(MAX_PROFILE_BYTES));
            return Optional.of(profile.toByteArray());
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Container walkGif(byte[] bytes) throws ImageException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        try {
            int width = buffer.getShort(6) & 0xFFFF;
            int height = buffer.getShort(8) & 0xFFFF;
            buffer.position(13 + colorTableBytes(bytes[10]));
            while (true) {
                int block = buffer.get() & 0xFF;
                if (block == 0x21) {
                    buffer.get();
                    skipSubBlocks(buffer);
                } else if (block == 0x2C) {
                    Canvas canvas = new Canvas(width, height, buffer.getShort() & 0xFFFF, buffer.getShort() & 0xFFFF);
                    buffer.position(buffer.position() + 4);
                    byte flags = buffer.get();
                    buffer.position(buffer.position() + colorTableBytes(flags) + 1);
                    skipSubBlocks(buffer);
                    return new Container(Optional.empty(), Optional.of(canvas));
                } else {
                    throw ImageException.damaged("GIF without a frame", null);
                }
            }
        } catch (BufferUnderflowException | IllegalArgumentException | IndexOutOfBoundsException e) {
            throw ImageException.truncated("GIF that ends within its first frame");
        }
    }

    private static int colorTableBytes(byte flags) {
        return (flags & 0x80) == 0 ? 0 : 3 << ((flags & 7) + 1);
    }

    private static void skipSubBlocks(ByteBuffer buffer) {
        int length;
        do {
            length = buffer.get() & 0xFF;
            buffer.position(buffer.position() + length);
        } while (length > 0);
    }

    private static Container walkWebp(byte[] bytes) throws ImageException {
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        long end = 8 + (buffer.getInt(4) & 0xFFFF_FFFFL);
        if (end > bytes.length) {
            throw ImageException.truncated("WebP of %d bytes that should have %d".formatted(bytes.length, end));
        }
        long position = 12;
        while (position + 8 <= end) {
            long length = buffer.getInt((int) position + 4) & 0xFFFF_FFFFL;
            int data = (int) position + 8;
            if (data + length > end) {
                throw ImageException.truncated("WebP chunk that reaches past the end");
            }
            if (startsWith(bytes, data - 8, "ICCP")) {
                byte[] profile = Arrays.copyOfRange(bytes, data, data + (int) length);
                return new Container(Optional.of(profile), Optional.empty());
            }
            position = data + length + (length & 1);
        }
        return PLAIN;
    }

    /** Uncompressed rows must all be there; compressed ones are left to the reader. */
    private static Container walkBmp(byte[] bytes) throws ImageException {
        if (bytes.length < 30) {
            throw ImageException.truncated("BMP header");
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        boolean core = buffer.getInt(14) == 12;
        long width = core ? buffer.getShort(18) & 0xFFFF : buffer.getInt(18);
        long height = core ? buffer.getShort(20) & 0xFFFF : Math.abs((long) buffer.getInt(22));
        int bits = core ? buffer.getShort(24) : buffer.getShort(28);
        int compression = core || bytes.length < 34 ? 0 : buffer.getInt(30);
        boolean uncompressed = compression == 0 || compression == 3 || compression == 6;
        long rowBytes = (width * bits + 31) / 32 * 4;
        if (uncompressed && (buffer.getInt(10) & 0xFFFF_FFFFL) + rowBytes * height > bytes.length) {
            throw ImageException.truncated("BMP with fewer rows than its header says");
        }
        return PLAIN;
    }

    private static int unsignedShort(byte[] bytes, int position, ByteOrder order) {
        return ByteBuffer.wrap(bytes).order(order).getShort(position) & 0xFFFF;
    }
}
