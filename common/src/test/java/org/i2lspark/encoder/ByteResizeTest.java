package org.i2lspark.encoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.IntUnaryOperator;
import org.i2lspark.encoder.FixedPointWeights.Filter;
import org.i2lspark.image.RgbImage;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ByteResizeTest {
    @ParameterizedTest
    @CsvSource({
        "BILINEAR, 1024, 384",
        "BICUBIC, 1024, 1036",
        "BICUBIC, 224, 224",
        "BILINEAR, 1024, 32",
        "BICUBIC, 1024, 28",
        "BILINEAR, 97, 64",
        "BILINEAR, 50, 333",
        "BICUBIC, 224, 196",
        "BICUBIC, 61, 100",
        "BICUBIC, 5, 4"
    })
    void productsGiveTheBytesOfTorchsOwnOperator(Filter filter, int from, int to) {
        List<RgbImage> images = images(from);
        try (CropUploader uploader = new CropUploader(TorchDevice.CPU);
                TensorScope scope = new TensorScope()) {
            Tensor crops = uploader.upload(scope, images);
            Tensor expected =
                    ByteResize.on(scope, filter, from, to, TorchDevice.CPU).apply(scope, crops);
            Tensor actual = ByteResize.byProducts(scope, filter, from, to, TorchDevice.CPU)
                    .apply(scope, crops);
            assertThat(actual.shape()).isEqualTo(List.of((long) images.size(), 3L, (long) to, (long) to));
            assertThat(actual.memory().mismatch(expected.memory())).isEqualTo(-1);
        }
    }

    /** Noise, noise of black and white, and what makes a filter overshoot: edges and stripes. */
    private static List<RgbImage> images(int side) {
        Random random = new Random(side);
        List<IntUnaryOperator> laws = List.of(
                i -> random.nextInt(256),
                i -> random.nextBoolean() ? 255 : 0,
                i -> i / 3 % side < side / 2 ? 0 : 255,
                i -> i / 3 / side % 4 < 2 ? 255 : 0,
                i -> 255);
        List<RgbImage> images = new ArrayList<>();
        for (IntUnaryOperator law : laws) {
            byte[] pixels = new byte[3 * side * side];
            for (int i = 0; i < pixels.length; i++) {
                pixels[i] = (byte) law.applyAsInt(i);
            }
            images.add(new RgbImage(side, side, pixels));
        }
        return images;
    }

    @Test
    void refusesCropsOfAnotherSize() {
        try (CropUploader uploader = new CropUploader(TorchDevice.CPU);
                TensorScope scope = new TensorScope()) {
            Tensor crops = uploader.upload(scope, images(4));
            ByteResize resize = ByteResize.on(scope, Filter.BILINEAR, 8, 6, TorchDevice.CPU);
            assertThatThrownBy(() -> resize.apply(scope, crops))
                    .hasMessage("Invalid crop: 4 pixels a side (expected 8)");
        }
    }
}
