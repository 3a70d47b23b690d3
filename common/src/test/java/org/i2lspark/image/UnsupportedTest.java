package org.i2lspark.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.i2lspark.image.ImageException.Problem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class UnsupportedTest {
    private static final ImageDecoder DECODER = new ImageDecoder(ImageDecoder.DEFAULT_MAX_PIXELS);
    private static final String CONVERT = "; convert it to PNG or JPEG";
    private static final String EXPORT = "; export it as JPEG, PNG or TIFF";
    private static final String FRAME = "; save a frame of it as PNG or JPEG";
    private static final String DOWNLOAD = "; see what its address shows, and download the image again";

    private static final int SENSOR = 32803;
    private static final int LINEAR = 34892;

    /** What a file begins with, as ISO 8859-1, what it is, and what its owner can do. */
    private record File(String bytes, String what, String advice) {}

    static List<File> files() {
        return List.of(
                new File("", "the file is empty", "; copy or download it again"),
                new File("\0".repeat(70_000), "the file is all zeros", "; copy or download it again"),
                format(ftyp("avif", "mif1", "miaf"), "AVIF", CONVERT),
                format(ftyp("avis", "msf1"), "AVIF", CONVERT),
                format(ftyp("mif1", "avif"), "AVIF", CONVERT),
                format("\0\0\0 ftypavif", "AVIF", CONVERT),
                format(ftyp("heic", "mif1"), "HEIC/HEIF", CONVERT),
                format(ftyp("mif1", "heic", "avif"), "HEIC/HEIF", CONVERT),
                format(ftyp("hevc", "msf1"), "HEIC/HEIF", CONVERT),
                format(ftyp("1pic", "mif1"), "HEIC/HEIF", CONVERT),
                format("\u00FF\n\u00FA\u007F", "JPEG XL", CONVERT),
                format("\0\0\0\fJXL \r\n\u0087\n\0\0\0\u0014ftypjxl ", "JPEG XL", CONVERT),
                format("\0\0\0\fjP  \r\n\u0087\n\0\0\0\u0014ftypjp2 ", "JPEG 2000", CONVERT),
                format("\u00FFO\u00FFQ\0/", "JPEG 2000", CONVERT),
                format("II\u00BC\u0001\b\0\0\0", "JPEG XR", CONVERT),
                format("8BPS\0\u0001", "PSD (Photoshop)", CONVERT),
                format("gimp xcf v011\0", "XCF (GIMP)", CONVERT),
                format("v/1\u0001\u0002\0\0\0", "OpenEXR", CONVERT),
                format("#?RADIANCE\n", "Radiance HDR", CONVERT),
                format("#?RGBE\n", "Radiance HDR", CONVERT),
                format("DDS |\0\0\0", "DDS", CONVERT),
                format("P6\n2 2\n255\n", "PNM (PBM, PGM, PPM or PAM)", CONVERT),
                format("P5 # made by hand\n2 2 255 ", "PNM (PBM, PGM, PPM or PAM)", CONVERT),
                format("P7\nWIDTH 2\n", "PNM (PBM, PGM, PPM or PAM)", CONVERT),
                format(icon(1), "ICO or CUR (icons)", CONVERT),
                format(icon(2), "ICO or CUR (icons)", CONVERT),
                format("\0\0\u0002\0\0\0\0\0\0\0\0\0\1\0\1\0 pixels TRUEVISION-XFILE.\0", "TGA", CONVERT),
                format("qoif\0\0\0\u0001", "QOI", CONVERT),
                format("\u008AMNG\r\n\u001A\n", "MNG or JNG", CONVERT),
                format("\u008BJNG\r\n\u001A\n", "MNG or JNG", CONVERT),
                format("\u00D7\u00CD\u00C6\u009A\0\0", "WMF or EMF", CONVERT),
                format("\u0001" + "\0".repeat(39) + " EMF", "WMF or EMF", CONVERT),
                format("\0".repeat(128) + "DICM", "DICOM", CONVERT),
                format("SIMPLE  =                    T", "FITS", CONVERT),
                format("%!PS-Adobe-3.0 EPSF-3.0\n", "EPS or PostScript", CONVERT),
                format("\u00C5\u00D0\u00D3\u00C6 \0\0\0", "EPS or PostScript", CONVERT),
                format("%PDF-1.7\n", "PDF", CONVERT),
                format("<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG", CONVERT),
                format("\u00EF\u00BB\u00BF<?xml version='1.0'?>\n<!-- by hand -->\n<svg>", "SVG", CONVERT),
                format("<?xml version='1.0'?><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN'>\n<svg>", "SVG", CONVERT),
                format("<!DOCTYPE svg [<!ENTITY a \"<svg>\">]><svg:svg xmlns:svg='x'>", "SVG", CONVERT),
                format("<!DOCTYPE svg><svg\n>", "SVG", CONVERT),
                format(raw("", LINEAR, true), "a camera's RAW (DNG)", EXPORT),
                format("II*\0\u0010\0\0\0CR\u0002\0", "a camera's RAW (CR2)", EXPORT),
                format(ftyp("crx ", "isom"), "a camera's RAW (CR3)", EXPORT),
                format("II\u001A\0\0\0HEAPCCDR", "a camera's RAW (CRW)", EXPORT),
                format("FUJIFILMCCD-RAW 0201", "a camera's RAW (RAF)", EXPORT),
                format("IIRO\b\0\0\0", "a camera's RAW (ORF)", EXPORT),
                format("MMOR\0\0\0\b", "a camera's RAW (ORF)", EXPORT),
                format("IIU\0\u0018\0\0\0", "a camera's RAW (RW2)", EXPORT),
                format("FOVb\0\0\u0003\0", "a camera's RAW (X3F)", EXPORT),
                format("\0MRM\0\0", "a camera's RAW (MRW)", EXPORT),
                format(raw("NIKON CORPORATION", SENSOR, false), "a camera's RAW (NEF)", EXPORT),
                format(raw("SONY", SENSOR, false), "a camera's RAW (ARW)", EXPORT),
                format(raw("PENTAX", SENSOR, false), "a camera's RAW (PEF)", EXPORT),
                format(raw("Hasselblad", SENSOR, false), "a camera's RAW", EXPORT),
                format(ftyp("isom", "avc1"), "a video (MP4 or QuickTime)", FRAME),
                format(ftyp("mp42", "heic"), "a video (MP4 or QuickTime)", FRAME),
                format(ftyp("qt  "), "a video (MP4 or QuickTime)", FRAME),
                format("\0\0\u0010\0moov", "a video (MP4 or QuickTime)", FRAME),
                format("\u001AE\u00DF\u00A3", "a video (WebM or Matroska)", FRAME),
                format("RIFF\0\0\0\0AVI LIST", "a video (AVI)", FRAME),
                format("0&\u00B2u\u008Ef\u00CF\u0011", "a video (WMV)", FRAME),
                format("FLV\u0001", "a video (FLV)", FRAME),
                format("\0\0\u0001\u00BA", "a video (MPEG)", FRAME),
                format("OggS\0", "a video or sound (Ogg)", FRAME),
                format(ftyp("none"), "an ISO media file (of the family of MP4 and HEIF) of unknown kind", CONVERT),
                new File("ID3\u0003", "it is a sound, not an image", "; leave it out"),
                new File("RIFF\0\0\0\0WAVEfmt ", "it is a sound, not an image", "; leave it out"),
                new File(
                        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
                        "it is a Git LFS pointer, not the image",
                        "; run git lfs pull"),
                new File("/annex/objects/SHA256E-s1--00.jpg\n", "it is a git-annex pointer", "; run git annex get"),
                new File("../.git/annex/objects/xx/SHA256E-s1", "it is a git-annex pointer", "; run git annex get"),
                new File("\0\u0005\u0016\u0007\0\u0002\0\0Mac OS X", "(AppleDouble)", "same name without ._"),
                new File("L\0\0\0\u0001\u0014\u0002\0", "it is a Windows shortcut", "; copy the file that it leads to"),
                new File("<!DOCTYPE html>\n<html>", "it is an HTML page", DOWNLOAD),
                new File("\r\n<html lang='en'><head>", "it is an HTML page", DOWNLOAD),
                new File("<!-- " + "x".repeat(1000) + " --><HEAD><TITLE>404", "it is an HTML page", DOWNLOAD),
                new File("<?xml version='1.0'?><!DOCTYPE html PUBLIC ''><html>", "it is an HTML page", DOWNLOAD),
                new File("<?xml version='1.0'?><Error><Code>AccessDenied", "it is an XML document", DOWNLOAD),
                new File("<Error><Code>NoSuchKey</Code></Error>", "it is an XML document", DOWNLOAD),
                new File("{\"error\": \"not found\"}", "it is a JSON document", DOWNLOAD),
                new File("[\n  {\"id\": 1}]", "it is a JSON document", DOWNLOAD),
                new File("PK\u0003\u0004", "it is a ZIP archive", "; unpack it"),
                new File("\u001F\u008B\b\0", "it is compressed (gzip)", "; unpack it"),
                new File("name" + "\0".repeat(253) + "ustar", "it is a tar archive", "; unpack it"),
                new File("7z\u00BC\u00AF'\u001C", "it is a 7z archive", "; unpack it"),
                new File("Rar!\u001A\u0007\u0001", "it is a RAR archive", "; unpack it"),
                new File("\u00FD7zXZ\0", "it is compressed (xz)", "; unpack it"),
                new File("(\u00B5/\u00FD", "it is compressed (zstd)", "; unpack it"),
                nothingKnown("just a note"),
                nothingKnown("<header>, said the man"),
                nothingKnown("a page of <html><head>"),
                nothingKnown("{ braces } and [ brackets ]"),
                nothingKnown("P1 is the first page"),
                nothingKnown("\0\0\1\0\0\0\0\0"),
                nothingKnown("\0\1\2\3"));
    }

    @ParameterizedTest
    @MethodSource("files")
    void isRefusedByItsName(File file) {
        assertThatThrownBy(() -> DECODER.decode(latin1(file.bytes())))
                .isInstanceOfSatisfying(
                        ImageException.class, e -> assertThat(e.problem()).isEqualTo(Problem.UNSUPPORTED))
                .hasMessageStartingWith("Cannot decode image: ")
                .hasMessageContaining(file.what())
                .hasMessageEndingWith(file.advice());
    }

    @Test
    void eachOfTheTableIsTried() {
        List<String> seen = files().stream()
                .flatMap(file -> Unsupported.of(latin1(file.bytes())).stream())
                .map(Unsupported::what)
                .toList();
        assertThat(seen)
                .containsAll(Unsupported.known().stream().map(Unsupported::what).toList());
    }

    @ParameterizedTest
    @MethodSource("org.i2lspark.image.ImageDecoderTest#images")
    void noneOfTheGoodImagesIs(String name) throws IOException {
        byte[] bytes = Files.readAllBytes(ImageDecoderTest.IMAGES.resolve(name));
        assertThat(Unsupported.of(bytes)).isEmpty();
    }

    @Test
    void aPictureOfACameraIsNoRawThoughItIsTiff() {
        assertThat(Unsupported.of(latin1(tiff("NIKON CORPORATION", 2, 6, false))))
                .isEmpty();
        assertThat(Unsupported.of(latin1(tiff("", 2, 2, true)))).isEmpty();
    }

    @Test
    void aRawIsToldWhateverItsByteOrderAndDirectory() {
        assertThat(Unsupported.of(latin1(tiff("PENTAX", SENSOR, 2, false)))).isPresent();
        byte[] bigEndian = ByteBuffer.allocate(26)
                .put(latin1("MM\0*\0\0\0\b\0\1"))
                .putShort((short) 262)
                .putShort((short) 3)
                .putInt(1)
                .putShort((short) SENSOR)
                .array();
        assertThat(Unsupported.of(bigEndian)).isPresent();
    }

    @Test
    void damagedDirectoriesAreNoRaw() {
        byte[] whole = latin1(raw("NIKON CORPORATION", SENSOR, true));
        Random random = new Random(1);
        for (int i = 0; i < 20_000; i++) {
            byte[] damaged = Arrays.copyOf(whole, 8 + random.nextInt(whole.length - 7));
            for (int k = 0; k < random.nextInt(5); k++) {
                damaged[4 + random.nextInt(damaged.length - 4)] = (byte) random.nextInt();
            }
            assertThat(Unsupported.of(damaged)).isNotNull();
        }
    }

    private static File format(String bytes, String name, String advice) {
        return new File(bytes, name + " is not supported (expected JPEG, PNG, WebP, TIFF, BMP or GIF)", advice);
    }

    private static File nothingKnown(String bytes) {
        return new File(bytes, "it is not an image, it begins with '", CONVERT);
    }

    private static String ftyp(String major, String... compatible) {
        int size = 16 + 4 * compatible.length;
        return "\0\0\0" + (char) size + "ftyp" + major + "\0\0\0\0" + String.join("", compatible) + "\0\0\0\bmeta";
    }

    private static String icon(int kind) {
        return "\0\0" + (char) kind + "\0\u0001\0" + "\u0010\u0010\0\0\u0001\0 \0" + "\1\0\0\0" + "\u0016\0\0\0" + "x";
    }

    /** A thumbnail whose directory leads to the sensor's data. */
    private static String raw(String make, int sensor, boolean dng) {
        return tiff(make, 2, sensor, dng);
    }

    /** Two directories, the second below the first, with their photometric interpretations. */
    private static String tiff(String make, int first, int second, boolean dng) {
        ByteBuffer file = ByteBuffer.allocate(160).order(ByteOrder.LITTLE_ENDIAN);
        file.put(latin1("II*\0")).putInt(8).putShort((short) 4);
        entry(file, 262, 3, 1, first);
        entry(file, 271, 2, make.length() + 1, 120);
        entry(file, 330, 4, 1, 80);
        entry(file, dng ? 50706 : 50000, 1, 4, 1);
        file.position(80).putShort((short) 1);
        entry(file, 262, 3, 1, second);
        file.position(120).put(latin1(make));
        return new String(file.array(), StandardCharsets.ISO_8859_1);
    }

    private static void entry(ByteBuffer file, int tag, int type, int count, int value) {
        file.putShort((short) tag).putShort((short) type).putInt(count).putInt(value);
    }

    private static byte[] latin1(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }
}
