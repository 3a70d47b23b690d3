package org.i2lspark.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.i2lspark.image.ImageException.Problem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Against what Pillow decodes; {@code images/make.py} makes both sides. */
class ImageDecoderTest {
    static final Path IMAGES = Path.of("src/test/resources/images");
    private static final ImageDecoder DECODER = new ImageDecoder(ImageDecoder.DEFAULT_MAX_PIXELS);

    static List<String> images() throws IOException {
        return files(IMAGES).stream().filter(name -> !name.endsWith(".py")).toList();
    }

    static List<String> imagesThatLackPixels() throws IOException {
        return files(IMAGES.resolve("refused")).stream()
                .map(name -> "refused/" + name)
                .toList();
    }

    private static List<String> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> file.getFileName().toString())
                    .sorted()
                    .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("images")
    void decodesAsPillow(String name) throws IOException {
        RgbImage image = DECODER.decode(bytes(name));
        RgbImage expected = DECODER.decode(bytes("expected/" + name + ".png"));
        assertThat(image.width()).isEqualTo(expected.width());
        assertThat(image.height()).isEqualTo(expected.height());
        // the colour engines' tables differ
        int tolerance = name.startsWith("icc") ? 2 : 0;
        assertThat(largestDifference(image, expected)).isLessThanOrEqualTo(tolerance);
    }

    @ParameterizedTest
    @CsvSource({
        "icc.png, 100",
        "icc.jpg, 100",
        "icc.webp, 100",
        "icc.tif, 100",
        "icc_p3_named_srgb.png, 20",
        "icc_p3_named_srgb.webp, 20",
        "icc_p3_named_srgb.tif, 20",
        "icc_linear_named_srgb.png, 50",
        "icc_linear_named_srgb.webp, 50",
        "icc_linear_named_srgb.tif, 50"
    })
    void profilesChangeColoursWhateverTheirName(String name, int levels) throws IOException {
        RgbImage unprofiled = DECODER.decode(bytes("rgb.png"));
        assertThat(largestDifference(DECODER.decode(bytes(name)), unprofiled)).isGreaterThan(levels);
    }

    @Test
    void aProfileThatIsSrgbChangesNothing() throws IOException {
        assertThat(DECODER.decode(bytes("icc_srgb_named_other.png")).pixels())
                .isEqualTo(DECODER.decode(bytes("rgb.png")).pixels());
    }

    @Test
    void aProfileThatIsSrgbChangesNoJpeg() throws Exception {
        byte[] profile = profileOf(bytes("icc_srgb_named_other.png"));
        byte[] jpeg = bytes("rgb.jpg");
        int start = 2;
        byte[] profiled = ByteBuffer.allocate(jpeg.length + 18 + profile.length)
                .put(jpeg, 0, start)
                .putShort((short) 0xFFE2)
                .putShort((short) (16 + profile.length))
                .put("ICC_PROFILE\0\1\1".getBytes(StandardCharsets.ISO_8859_1))
                .put(profile)
                .put(jpeg, start, jpeg.length - start)
                .array();
        assertThat(DECODER.decode(profiled).pixels())
                .isEqualTo(DECODER.decode(jpeg).pixels());
    }

    private static byte[] profileOf(byte[] png) throws DataFormatException {
        int chunk = new String(png, StandardCharsets.ISO_8859_1).indexOf("iCCP") + 4;
        int name = 0;
        while (png[chunk + name] != 0) {
            name++;
        }
        Inflater inflater = new Inflater();
        inflater.setInput(png, chunk + name + 2, png.length - chunk - name - 2);
        byte[] profile = new byte[1 << 16];
        return Arrays.copyOf(profile, inflater.inflate(profile));
    }

    @Test
    void refusesSamplesOfUnknownMeaning() throws IOException {
        byte[] tiff = bytes("grey.tif");
        assertThat(DECODER.decode(tiff).width()).isEqualTo(48);
        // bits per sample: the entry of tag 258
        int entry = new String(tiff, StandardCharsets.ISO_8859_1).indexOf("\u0002\u0001\u0003\0\u0001\0\0\0\b\0");
        tiff[entry + 8] = 32;
        byte[] wide = Arrays.copyOf(tiff, tiff.length + 48 * 32 * 4);
        assertProblem(wide, Problem.UNSUPPORTED, "samples of 32 bits are not supported");
    }

    @ParameterizedTest
    @MethodSource("imagesThatLackPixels")
    void refusesWhatLacksPixels(String name) throws IOException {
        assertProblem(bytes(name), Problem.DAMAGED, "copy or export it again");
    }

    @ParameterizedTest
    @MethodSource("images")
    void refusesTruncatedData(String name) throws IOException {
        byte[] whole = bytes(name);
        RgbImage expected = DECODER.decode(whole);
        byte[] asItWasHeld = DECODER.decode(bytes("rgb.png")).pixels();
        int refused = 0;
        int cuts = 60;
        for (int i = 0; i < cuts; i++) {
            try {
                RgbImage image = DECODER.decode(Arrays.copyOf(whole, whole.length * i / cuts));
                // what was cut off was not part of the picture, such as the second frame, or how it was held
                assertThat(image.pixels()).isIn(expected.pixels(), asItWasHeld);
            } catch (ImageException e) {
                refused++;
                assertThat(e).hasMessageStartingWith("Cannot decode image: ");
            }
        }
        assertThat(refused).isGreaterThan(10);
    }

    @Test
    void refusesAScanThatEndsEarlyThoughTheEndMarkerIsThere() throws IOException {
        byte[] cut = Arrays.copyOf(bytes("rgb.jpg"), 900);
        cut[898] = (byte) 0xFF;
        cut[899] = (byte) 0xD9;
        assertProblem(cut, Problem.DAMAGED, "truncated");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4, 8, 12})
    void aPngIsHeldAsItSaysThoughItsEndIsMissing(int missing) throws IOException {
        byte[] whole = bytes("orientation6.png");
        assertThat(DECODER.decode(Arrays.copyOf(whole, whole.length - missing)).pixels())
                .isEqualTo(DECODER.decode(whole).pixels());
    }

    @Test
    void refusesTooManyPixelsBeforeDecodingOne() {
        // nothing but a header: to decode a pixel would fail otherwise
        byte[] header = pngHeader(20_000, 20_000);
        assertProblem(header, Problem.TOO_LARGE, "20000x20000 is 400000000 pixels, over the limit of 178956970");
    }

    @Test
    void refusesACanvasOfTooManyPixelsHoweverSmallItsFrame() throws IOException {
        byte[] gif = bytes("offset.gif");
        ByteBuffer.wrap(gif).putShort(6, (short) -1).putShort(8, (short) -1);
        assertProblem(gif, Problem.TOO_LARGE, "65535x65535 is 4294836225 pixels");
        byte[] webp = bytes("animated_offset.webp");
        ByteBuffer.wrap(webp).putShort(24, (short) -1).putShort(27, (short) -1);
        assertProblem(webp, Problem.TOO_LARGE, "65536x65536 is 4294967296 pixels");
    }

    @Test
    void theLimitCanBeSet() {
        assertThatThrownBy(() -> new ImageDecoder(48 * 32 - 1).decode(bytes("rgb.jpg")))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("over the limit of 1535");
        assertThatThrownBy(() -> new ImageDecoder(0)).hasMessageStartingWith("Invalid pixel limit: 0");
    }

    @ParameterizedTest
    @MethodSource("images")
    void damageNeverThrowsAnythingElse(String name) throws IOException {
        byte[] whole = bytes(name);
        Random random = new Random(1);
        for (int i = 0; i < 40; i++) {
            byte[] damaged = whole.clone();
            for (int k = 0; k < 3; k++) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
            }
            try {
                RgbImage image = new ImageDecoder(1_000_000).decode(damaged);
                assertThat(image.pixels()).isNotEmpty();
            } catch (ImageException e) {
                assertThat(e).hasMessageStartingWith("Cannot decode image: ");
            }
        }
    }

    private static void assertProblem(byte[] bytes, Problem problem, String message) {
        assertThatThrownBy(() -> DECODER.decode(bytes))
                .isInstanceOfSatisfying(
                        ImageException.class, e -> assertThat(e.problem()).isEqualTo(problem))
                .hasMessageContaining(message);
    }

    private static byte[] pngHeader(int width, int height) {
        ByteBuffer chunk = ByteBuffer.allocate(17);
        chunk.put(text("IHDR")).putInt(width).putInt(height).put(new byte[] {8, 2, 0, 0, 0});
        CRC32 crc = new CRC32();
        crc.update(chunk.array());
        return ByteBuffer.allocate(33)
                .put(text("\u0089PNG\r\n\u001A\n"))
                .putInt(13)
                .put(chunk.array())
                .putInt((int) crc.getValue())
                .array();
    }

    private static byte[] text(String latin1) {
        return latin1.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static byte[] bytes(String name) throws IOException {
        return Files.readAllBytes(IMAGES.resolve(name));
    }

    private static int largestDifference(RgbImage a, RgbImage b) {
        int largest = 0;
        for (int i = 0; i < a.pixels().length; i++) {
            largest = Math.max(largest, Math.abs((a.pixels()[i] & 0xFF) - (b.pixels()[i] & 0xFF)));
        }
        return largest;
    }
}
