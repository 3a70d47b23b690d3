package org.i2lspark.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * What the outer structure of an encoded image says. ImageIO's readers fill up what a truncated file lacks, so that the
 * file is complete is checked here; they ignore colour profiles of some formats, and know nothing of some animations, so
 * those are found here.
 *
 * @param picture for ImageIO's reader: the image, or the part of it that makes the (first) picture
 * @param whole false if the file's end is missing; the picture may still be all there
 * @param iccProfile the embedded profile where ImageIO would not find it: in PNG and WebP
 * @param canvas on which the first frame lies: of GIF and of animated WebP
 */
record Container(byte[] picture, boolean whole, Optional<byte[]> iccProfile, Optional<Canvas> canvas) {
    /** The size of an animation, the place of its first frame, and the colour around that, as {@code 0xRRGGBB}. */
    record Canvas(int width, int height, int left, int top, int background) {}

    static Container walk(ImageFormat format, byte[] bytes) throws ImageException {
        return switch (format) {
            case PNG -> Png.walk(bytes);
            case GIF -> Gif.walk(bytes);
            case WEBP -> Webp.walk(bytes);
            case JPEG -> {
                requireJpegEnd(bytes);
                yield plain(bytes);
            }
            case BMP -> {
                requireBmpRows(bytes);
                yield plain(bytes);
            }
            case TIFF -> plain(bytes); // its reader fails at strips beyond the end
        };
    }

    private static Container plain(byte[] bytes) {
        return new Container(bytes, true, Optional.empty(), Optional.empty());
    }

    /** Segments up to the scans, then entropy-coded data up to the end-of-image marker. */
    private static void requireJpegEnd(byte[] bytes) throws ImageException {
        int position = 2;
        boolean inScan = false;
        while (position + 1 < bytes.length) {
            int marker = bytes[position + 1] & 0xFF;
            if ((bytes[position] & 0xFF) != 0xFF) {
                position++;
            } else if (marker == 0xD9 && inScan) {
                return;
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

    /** Uncompressed rows must all be there; compressed ones are left to the reader. */
    private static void requireBmpRows(byte[] bytes) throws ImageException {
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
    }

    private static int unsignedShort(byte[] bytes, int position, ByteOrder order) {
        return ByteBuffer.wrap(bytes).order(order).getShort(position) & 0xFFFF;
    }
}
