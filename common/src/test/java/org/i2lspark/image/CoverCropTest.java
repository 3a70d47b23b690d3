package org.i2lspark.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.i2lspark.model.ReferenceCase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CoverCropTest {
    private static final ReferenceCase REFERENCE = ReferenceCase.tiny();

    @ParameterizedTest
    @CsvSource({"0,1024", "3,1024", "1,224"})
    void cropsByteForByteAsTheReference(int image, int size) throws IOException {
        RgbImage crop = CoverCrop.apply(REFERENCE.images().get(image), size, size);
        RgbImage expected = REFERENCE.image("crop%d_%d.png".formatted(size, image));
        assertThat(crop.pixels()).isEqualTo(expected.pixels());
    }

    @Test
    void keepsAnImageOfTheRightSize() {
        RgbImage image = new RgbImage(2, 2, new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
        assertThat(CoverCrop.apply(image, 2, 2).pixels()).isEqualTo(image.pixels());
    }

    @Test
    void cutsTheMiddleOut() {
        RgbImage image = new RgbImage(3, 1, new byte[] {1, 1, 1, 2, 2, 2, 3, 3, 3});
        assertThat(CoverCrop.apply(image, 1, 1).pixels()).containsExactly(2, 2, 2);
    }

    @Test
    void enlargesASinglePixel() {
        RgbImage image = new RgbImage(1, 1, new byte[] {(byte) 255, 0, 7});
        RgbImage crop = CoverCrop.apply(image, 5, 3);
        for (int i = 0; i < 15; i++) {
            assertThat(crop.pixels()).containsSequence((byte) 255, (byte) 0, (byte) 7);
        }
    }
}
