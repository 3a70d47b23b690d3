package org.i2lspark.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PngFileTest {
    private static final Map<String, String> TEXTS = Map.of(
            "parameters",
            "Ein Käfer, “你好” 🐞\nNegative prompt:  \nSteps: 4, Sampler: Euler, Size: 5x3",
            "Latin",
            "à la carte\nsecond line",
            "Empty",
            "");

    private static RgbImage image() {
        byte[] pixels = new byte[5 * 3 * RgbImage.CHANNELS];
        new Random(1).nextBytes(pixels);
        return new RgbImage(5, 3, pixels);
    }

    @Test
    void pixelsAndTextsAreReadBack() throws IOException {
        byte[] png = PngFile.encode(image(), TEXTS);
        assertThat(PngFile.texts(png)).isEqualTo(TEXTS);
        RgbImage decoded = new ImageDecoder(ImageDecoder.DEFAULT_MAX_PIXELS).decode(png);
        assertThat(decoded.width()).isEqualTo(5);
        assertThat(decoded.height()).isEqualTo(3);
        assertThat(decoded.pixels()).isEqualTo(image().pixels());
    }

    /** As the PNG specification lays them out: what Latin-1 has not goes into iTXt, in UTF-8. */
    @Test
    void textsLieInTheChunksThatOtherToolsRead() {
        byte[] png = PngFile.encode(image(), TEXTS);
        assertThat(indexOf(png, "tEXtLatin\0à la carte\nsecond line".getBytes(StandardCharsets.ISO_8859_1)))
                .isPositive();
        assertThat(indexOf(
                        png, ("iTXtparameters\0\0\0\0\0" + TEXTS.get("parameters")).getBytes(StandardCharsets.UTF_8)))
                .isPositive();
    }

    private static int indexOf(byte[] all, byte[] part) {
        for (int i = 0; i + part.length <= all.length; i++) {
            if (Arrays.equals(all, i, i + part.length, part, 0, part.length)) {
                return i;
            }
        }
        return -1;
    }

    @Test
    void equalImagesAreEqualBytes() {
        assertThat(PngFile.encode(image(), TEXTS)).isEqualTo(PngFile.encode(image(), Map.copyOf(TEXTS)));
    }

    @Test
    void everyDamageIsFound() {
        byte[] png = PngFile.encode(image(), TEXTS);
        for (int i = 0; i < png.length; i++) {
            byte[] damaged = png.clone();
            damaged[i] ^= 4;
            assertThatThrownBy(() -> PngFile.texts(damaged)).as("byte %d", i).isInstanceOf(ImageException.class);
            byte[] cut = Arrays.copyOf(png, i);
            assertThatThrownBy(() -> PngFile.texts(cut)).as("cut at %d", i).isInstanceOf(ImageException.class);
        }
        byte[] longer = Arrays.copyOf(png, png.length + 1);
        assertThatThrownBy(() -> PngFile.texts(longer)).isInstanceOf(ImageException.class);
    }
}
