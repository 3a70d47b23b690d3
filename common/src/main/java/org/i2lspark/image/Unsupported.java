package org.i2lspark.image;

import static org.i2lspark.image.ImageFormat.startsWith;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * What lies in folders of images and cannot be read, told by its bytes. It is asked only about what does not begin as a
 * supported format does, and about TIFF, which cameras' RAW files look like.
 *
 * @param what it is, as the beginning of a sentence
 * @param advice what its owner can do
 */
record Unsupported(String what, String advice) {
    private static final String CONVERT = "convert it to PNG or JPEG";
    private static final String DEVELOP = "export it as JPEG, PNG or TIFF";
    private static final String TAKE_FRAME = "save a frame of it as PNG or JPEG";
    private static final String UNPACK = "unpack it";
    private static final String COPY = "copy or download it again";
    private static final String DOWNLOAD = "see what its address shows, and download the image again";

    private static final String TGA_FOOTER = "TRUEVISION-XFILE.\0";

    private static final int ICON_HEADER_BYTES = 6;
    private static final int ICON_ENTRY_BYTES = 16;

    private record Row(Unsupported answer, Predicate<byte[]> sign) {}

    /** The first that fits counts. */
    private static final List<Row> ROWS = List.of(
            row("the file is empty", COPY, bytes -> bytes.length == 0),
            row("the file is all zeros, as a copy that did not finish leaves it", COPY, Unsupported::isZeros),
            // images
            format("AVIF", CONVERT, IsoBrands::isAvif),
            format("HEIC/HEIF", CONVERT, IsoBrands::isHeif),
            format("JPEG XL", CONVERT, at(0, "\u00FF\n").or(at(4, "JXL \r\n\u0087\n"))),
            format("JPEG 2000", CONVERT, at(4, "jP  \r\n\u0087\n").or(at(0, "\u00FFO\u00FFQ"))),
            format("JPEG XR", CONVERT, at(0, "II\u00BC")),
            format("PSD (Photoshop)", CONVERT, at(0, "8BPS")),
            format("XCF (GIMP)", CONVERT, at(0, "gimp xcf ")),
            format("OpenEXR", CONVERT, at(0, "v/1\u0001")),
            format("Radiance HDR", CONVERT, at(0, "#?RADIANCE").or(at(0, "#?RGBE"))),
            format("DDS", CONVERT, at(0, "DDS |\0\0\0")),
            format("PNM (PBM, PGM, PPM or PAM)", CONVERT, Unsupported::isPnm),
            format("ICO or CUR (icons)", CONVERT, Unsupported::isIcon),
            format("TGA", CONVERT, Unsupported::isTga),
            format("QOI", CONVERT, at(0, "qoif")),
            format("MNG or JNG", CONVERT, at(0, "\u008AMNG\r\n").or(at(0, "\u008BJNG\r\n"))),
            format("WMF or EMF", CONVERT, at(0, "\u00D7\u00CD\u00C6\u009A").or(at(40, " EMF"))),
            format("DICOM", CONVERT, at(128, "DICM")),
            format("FITS", CONVERT, at(0, "SIMPLE  = ")),
            format("EPS or PostScript", CONVERT, at(0, "%!PS").or(at(0, "\u00C5\u00D0\u00D3\u00C6"))),
            format("PDF", CONVERT, at(0, "%PDF-")),
            format("SVG", CONVERT, Markup::isSvg),
            // cameras
            format("a camera's RAW (DNG)", DEVELOP, TiffRaw::isDng),
            format("a camera's RAW (CR2)", DEVELOP, at(0, "II*\0").and(at(8, "CR\u0002"))),
            format("a camera's RAW (CR3)", DEVELOP, IsoBrands::isCr3),
            format("a camera's RAW (CRW)", DEVELOP, at(6, "HEAPCCDR")),
            format("a camera's RAW (RAF)", DEVELOP, at(0, "FUJIFILMCCD-RAW")),
            format(
                    "a camera's RAW (ORF)",
                    DEVELOP,
                    at(0, "IIRO").or(at(0, "IIRS")).or(at(0, "MMOR"))),
            format("a camera's RAW (RW2)", DEVELOP, at(0, "IIU\0")),
            format("a camera's RAW (X3F)", DEVELOP, at(0, "FOVb")),
            format("a camera's RAW (MRW)", DEVELOP, at(0, "\0MRM")),
            format("a camera's RAW (NEF)", DEVELOP, bytes -> TiffRaw.isMadeBy(bytes, "NIKON")),
            format("a camera's RAW (ARW)", DEVELOP, bytes -> TiffRaw.isMadeBy(bytes, "SONY")),
            format("a camera's RAW (PEF)", DEVELOP, bytes -> TiffRaw.isMadeBy(bytes, "PENTAX")),
            format("a camera's RAW", DEVELOP, bytes -> TiffRaw.isMadeBy(bytes, "")),
            // videos and sounds
            format("a video (MP4 or QuickTime)", TAKE_FRAME, IsoBrands::isVideo),
            format("a video (WebM or Matroska)", TAKE_FRAME, at(0, "\u001AE\u00DF\u00A3")),
            format("a video (AVI)", TAKE_FRAME, at(0, "RIFF").and(at(8, "AVI "))),
            format("a video (WMV)", TAKE_FRAME, at(0, "0&\u00B2u\u008Ef\u00CF\u0011")),
            format("a video (FLV)", TAKE_FRAME, at(0, "FLV\u0001")),
            format("a video (MPEG)", TAKE_FRAME, at(0, "\0\0\u0001\u00BA").or(at(0, "\0\0\u0001\u00B3"))),
            format("a video or sound (Ogg)", TAKE_FRAME, at(0, "OggS\0")),
            format("an ISO media file (of the family of MP4 and HEIF) of unknown kind", CONVERT, at(4, "ftyp")),
            row("it is a sound, not an image", "leave it out", Unsupported::isSound),
            // what stands in an image's place
            row("it is a Git LFS pointer, not the image", "run git lfs pull", Unsupported::isGitLfs),
            row("it is a git-annex pointer, not the image", "run git annex get", Unsupported::isGitAnnex),
            row(
                    "it is what macOS keeps beside a file (AppleDouble), not the image",
                    "take the file of the same name without ._",
                    at(0, "\0\u0005\u0016\u0007")),
            row(
                    "it is a Windows shortcut, not the image",
                    "copy the file that it leads to",
                    at(0, "L\0\0\0\u0001\u0014\u0002\0").or(at(0, "[InternetShortcut]"))),
            row("it is an HTML page, which a server sent in place of the image", DOWNLOAD, Markup::isHtml),
            row("it is an XML document, perhaps a server's error, not the image", DOWNLOAD, Markup::isXml),
            row("it is a JSON document, perhaps a server's error, not the image", DOWNLOAD, Markup::isJson),
            row(
                    "it is a ZIP archive, not an image",
                    UNPACK,
                    at(0, "PK\u0003\u0004").or(at(0, "PK\u0005\u0006"))),
            row("it is compressed (gzip), not an image", UNPACK, at(0, "\u001F\u008B\b")),
            row("it is a tar archive, not an image", UNPACK, at(257, "ustar")),
            row("it is a 7z archive, not an image", UNPACK, at(0, "7z\u00BC\u00AF'\u001C")),
            row("it is a RAR archive, not an image", UNPACK, at(0, "Rar!\u001A\u0007")),
            row("it is compressed (xz), not an image", UNPACK, at(0, "\u00FD7zXZ\0")),
            row("it is compressed (zstd), not an image", UNPACK, at(0, "(\u00B5/\u00FD")));

    /** What the bytes are; empty if that is not known, and for what can be read. */
    static Optional<Unsupported> of(byte[] bytes) {
        return ROWS.stream()
                .filter(row -> row.sign().test(bytes))
                .map(Row::answer)
                .findFirst();
    }

    /** All that can be told. */
    static List<Unsupported> known() {
        return ROWS.stream().map(Row::answer).toList();
    }

    private static Row format(String name, String advice, Predicate<byte[]> sign) {
        return row(name + " is not supported " + ImageFormat.EXPECTED, advice, sign);
    }

    private static Row row(String what, String advice, Predicate<byte[]> sign) {
        return new Row(new Unsupported(what, advice), sign);
    }

    private static Predicate<byte[]> at(int offset, String latin1) {
        return bytes -> startsWith(bytes, offset, latin1);
    }

    private static boolean isZeros(byte[] bytes) {
        for (byte b : bytes) {
            if (b != 0) {
                return false;
            }
        }
        return true;
    }

    /** A kind, white space, then two numbers or a comment. */
    private static boolean isPnm(byte[] bytes) {
        return Markup.start(bytes).matches("(?s)(P[1-6Ff]\\s+(\\d+\\s+\\d+\\s|#).*|P7\nWIDTH .*|P7\n#.*)");
    }

    /** A kind and the number of pictures, then their entries, then the pictures. */
    private static boolean isIcon(byte[] bytes) {
        boolean kind = startsWith(bytes, 0, "\0\0\u0001\0") || startsWith(bytes, 0, "\0\0\u0002\0");
        if (!kind || bytes.length < ICON_HEADER_BYTES + ICON_ENTRY_BYTES) {
            return false;
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int pictures = buffer.getShort(4) & 0xFFFF;
        int first = buffer.getInt(ICON_HEADER_BYTES + ICON_ENTRY_BYTES - Integer.BYTES);
        return pictures > 0 && first >= ICON_HEADER_BYTES + pictures * ICON_ENTRY_BYTES;
    }

    private static boolean isTga(byte[] bytes) {
        return startsWith(bytes, Math.max(0, bytes.length - TGA_FOOTER.length()), TGA_FOOTER);
    }

    private static boolean isSound(byte[] bytes) {
        return startsWith(bytes, 0, "ID3")
                || startsWith(bytes, 0, "fLaC")
                || (startsWith(bytes, 0, "RIFF") && startsWith(bytes, 8, "WAVE"));
    }

    private static boolean isGitLfs(byte[] bytes) {
        return Markup.start(bytes).startsWith("version https://git-lfs.github.com/spec/");
    }

    /** As a pointer file, or as a symbolic link that was written out as a file. */
    private static boolean isGitAnnex(byte[] bytes) {
        return Markup.start(bytes).matches("(?s)(/|(\\.\\./)*\\.git/)annex/objects/\\S.*");
    }
}
