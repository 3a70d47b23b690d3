package org.i2lspark.image;

import static java.util.Objects.requireNonNull;

/**
 * An image in memory.
 *
 * @param pixels row by row, three bytes a pixel: red, green, blue. Not copied, so treat it as read-only.
 */
public record RgbImage(int width, int height, byte[] pixels) {
    public static final int CHANNELS = 3;

    public RgbImage {
        requireNonNull(pixels, "pixels is null");
        if (width < 1 || height < 1 || pixels.length != (long) width * height * CHANNELS) {
            throw new IllegalArgumentException(
                    "Invalid image: %d bytes for %dx%d pixels".formatted(pixels.length, width, height));
        }
    }
}
