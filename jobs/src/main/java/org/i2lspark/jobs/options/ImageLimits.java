package org.i2lspark.jobs.options;

import java.io.Serializable;

/**
 * What images are held to.
 *
 * @param maxPixels larger images are refused before they are decoded
 * @param maxBytes larger files are refused
 * @param maxImagesPerStyle styles of more images are refused
 */
public record ImageLimits(long maxPixels, int maxBytes, int maxImagesPerStyle) implements Serializable {

    /** As receipts say it: an image that failed may pass under others. */
    public String text() {
        return "pixels %d, bytes %d, memory %s".formatted(maxPixels, maxBytes, Setting.DECODER_MEMORY.value());
    }
}
