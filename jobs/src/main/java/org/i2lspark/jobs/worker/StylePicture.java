package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.PngFile;

/** A small picture of a style's image, decoded in another process as all images are. */
public final class StylePicture {
    private StylePicture() {}

    /**
     * The middle of an image as a square PNG.
     *
     * @param image bytes of its file
     * @param size in pixels
     * @throws IOException if it cannot be decoded
     */
    public static byte[] of(byte[] image, int size) throws IOException {
        return PngFile.encode(
                SharedDecoder.get()
                        .decode(image, ImageDecoder.DEFAULT_MAX_PIXELS, List.of(size))
                        .crops()
                        .get(0),
                Map.of());
    }
}
