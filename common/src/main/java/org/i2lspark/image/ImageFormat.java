package org.i2lspark.image;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import org.i2lspark.image.ImageException.Problem;

/** The formats that can be read, told apart by their first bytes, never by a file's name. */
enum ImageFormat {
    JPEG,
    PNG,
    GIF,
    BMP,
    TIFF,
    WEBP;

    static final String EXPECTED = "(expected JPEG, PNG, WebP, TIFF, BMP or GIF)";

    private static final int SHOWN_BYTES = 12;

    /**
     * The format of an encoded image.
     *
     * @throws ImageException naming what it seems to be instead
     */
    static ImageFormat of(byte[] bytes) throws ImageException {
        if (startsWith(bytes, 0, "\u00FF\u00D8\u00FF")) {
            return JPEG;
        }
        if (startsWith(bytes, 0, "\u0089PNG\r\n\u001A\n")) {
            return PNG;
        }
        if (startsWith(bytes, 0, "GIF87a") || startsWith(bytes, 0, "GIF89a")) {
            return GIF;
        }
        if (startsWith(bytes, 0, "RIFF") && startsWith(bytes, 8, "WEBP")) {
            return WEBP;
        }
        if (startsWith(bytes, 0, "BM")) {
            return BMP;
        }
        Optional<Unsupported> unsupported = Unsupported.of(bytes);
        if (unsupported.isPresent()) {
            throw refused(unsupported.get());
        }
        if (isTiff(bytes)) {
            return TIFF;
        }
        throw refused(new Unsupported(
                "it is not an image, it begins with '%s' %s".formatted(start(bytes), EXPECTED),
                "convert it to PNG or JPEG"));
    }

    private static boolean isTiff(byte[] bytes) {
        return startsWith(bytes, 0, "II*\0")
                || startsWith(bytes, 0, "MM\0*")
                || startsWith(bytes, 0, "II+\0")
                || startsWith(bytes, 0, "MM\0+");
    }

    private static ImageException refused(Unsupported unsupported) {
        return new ImageException(
                Problem.UNSUPPORTED, "Cannot decode image: %s; %s".formatted(unsupported.what(), unsupported.advice()));
    }

    /** The name under which ImageIO knows readers of this format. */
    String imageIoName() {
        return name().toLowerCase(Locale.ROOT);
    }

    private static String start(byte[] bytes) {
        StringBuilder start = new StringBuilder();
        for (byte b : Arrays.copyOf(bytes, Math.min(bytes.length, SHOWN_BYTES))) {
            start.append(b >= ' ' && b < 0x7F ? (char) b : '.');
        }
        return start.toString();
    }

    static boolean startsWith(byte[] bytes, int offset, String latin1) {
        byte[] expected = latin1.getBytes(StandardCharsets.ISO_8859_1);
        return bytes.length >= offset + expected.length
                && Arrays.equals(bytes, offset, offset + expected.length, expected, 0, expected.length);
    }
}
