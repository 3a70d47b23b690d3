package org.i2lspark.image;

import static org.i2lspark.image.ImageFormat.startsWith;

import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;

/** What lies in folders of images and cannot be read, told by its first bytes. */
final class Unsupported {
    private static final int TEXT_BYTES = 512;

    private Unsupported() {}

    /** What the bytes are, as a sentence; empty if that is not known. */
    static Optional<String> nameOf(byte[] bytes) {
        if (startsWith(bytes, 4, "ftyp")) {
            return Optional.of(ofBrand(bytes) + " is not supported");
        }
        if (startsWith(bytes, 0, "\u00FF\n") || startsWith(bytes, 4, "JXL ")) {
            return Optional.of("JPEG XL is not supported");
        }
        if (startsWith(bytes, 4, "jP  ") || startsWith(bytes, 0, "\u00FFO\u00FFQ")) {
            return Optional.of("JPEG 2000 is not supported");
        }
        if (startsWith(bytes, 0, "8BPS")) {
            return Optional.of("PSD (Photoshop) is not supported");
        }
        if (startsWith(bytes, 0, "%PDF-")) {
            return Optional.of("PDF is not supported");
        }
        if (startsWith(bytes, 0, "FUJIFILMCCD-RAW") || startsWith(bytes, 0, "IIRO") || startsWith(bytes, 0, "IIU\0")) {
            return Optional.of("a camera's RAW is not supported");
        }
        if (startsWith(bytes, 0, "\u001AE\u00DF\u00A3") || startsWith(bytes, 8, "AVI ")) {
            return Optional.of("video is not supported");
        }
        return ofText(bytes);
    }

    private static String ofBrand(byte[] bytes) {
        String brand = bytes.length < 12 ? "" : new String(bytes, 8, 4, StandardCharsets.ISO_8859_1);
        return switch (brand) {
            case "avif", "avis" -> "AVIF";
            case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1" -> otherBrand(bytes);
            case "crx " -> "a camera's RAW (CR3)";
            default -> "video (MP4 or QuickTime)";
        };
    }

    /** The general brands are those of AVIF too, which then names itself among the compatible ones. */
    private static String otherBrand(byte[] bytes) {
        String start = start(bytes);
        return start.contains("avif") && !start.contains("heic") ? "AVIF" : "HEIC/HEIF";
    }

    private static Optional<String> ofText(byte[] bytes) {
        String text = start(bytes).stripLeading().toLowerCase(Locale.ROOT);
        if (text.startsWith("version https://git-lfs")) {
            return Optional.of("it is a Git LFS pointer, not the image (run git lfs pull)");
        }
        if (text.startsWith("<!doctype html") || text.startsWith("<html") || text.contains("<head")) {
            return Optional.of("it is an HTML page, not the image (download it again)");
        }
        if (text.startsWith("<svg")
                || (text.startsWith("<?xml") && text.contains("<svg"))
                || text.startsWith("<!doctype svg")) {
            return Optional.of("SVG is not supported");
        }
        return Optional.empty();
    }

    private static String start(byte[] bytes) {
        String text = new String(bytes, 0, Math.min(bytes.length, TEXT_BYTES), StandardCharsets.ISO_8859_1);
        return text.startsWith("\u00EF\u00BB\u00BF") ? text.substring(3) : text;
    }
}
