package org.i2lspark.jobs.options;

import java.util.Map;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.RgbImage;
import picocli.CommandLine.Option;

/** What images are held to, against those that mean no good. */
public final class ImageLimitOptions {
    // as many as an array of their bytes can hold
    @Bounds(min = 1, max = Integer.MAX_VALUE / RgbImage.CHANNELS)
    @Option(
            names = "--max-pixels",
            defaultValue = "" + ImageDecoder.DEFAULT_MAX_PIXELS,
            paramLabel = "N",
            description = "Larger images are refused before they are decoded. Default: ${DEFAULT-VALUE}.")
    private long maxPixels;

    @Bounds(min = 1)
    @Option(
            names = "--max-image-bytes",
            defaultValue = "104857600",
            paramLabel = "N",
            description = "Larger image files are refused. Default: ${DEFAULT-VALUE}.")
    private int maxBytes;

    @Bounds(min = 1)
    @Option(
            names = "--max-images-per-style",
            defaultValue = "64",
            paramLabel = "N",
            description =
                    "Styles of more images are refused; the rank is 4 for each image and variant. Default: ${DEFAULT-VALUE}.")
    private int maxImagesPerStyle;

    public ImageLimits limits() {
        return new ImageLimits(maxPixels, maxBytes, maxImagesPerStyle);
    }

    void putInto(Map<String, String> map) {
        map.put("max-pixels", String.valueOf(maxPixels));
        map.put("max-images-per-style", String.valueOf(maxImagesPerStyle));
        map.put("max-image-bytes", String.valueOf(maxBytes));
    }
}
