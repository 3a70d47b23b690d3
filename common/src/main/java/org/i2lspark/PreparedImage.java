package org.i2lspark;

import org.i2lspark.image.RgbImage;

/**
 * An image cut and resized for the encoders.
 *
 * @param crop 1024×1024
 * @param siglip2Pixels three planes of SigLIP2's size
 */
public record PreparedImage(RgbImage crop, byte[] siglip2Pixels) {}
