package org.i2lspark;

import java.util.List;
import org.i2lspark.image.RgbImage;

/**
 * An image cut for the encoders.
 *
 * @param crops of the sizes that {@link ImageToLora#cropSizes} names, in that order
 */
public record PreparedImage(List<RgbImage> crops) {
    public PreparedImage {
        crops = List.copyOf(crops);
    }

    /** Memory that the pixels take, in bytes. */
    public long bytes() {
        return crops.stream().mapToLong(crop -> crop.pixels().length).sum();
    }
}
