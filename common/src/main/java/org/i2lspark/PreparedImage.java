package org.i2lspark;

import java.util.List;
import org.i2lspark.image.RgbImage;

/**
 * An image cut and resized for the encoders.
 *
 * @param crop 1024×1024
 * @param siglip2Pixels three planes of SigLIP2's size
 * @param qwenVlPixels for each decoder three planes of the size at which Qwen2.5-VL serves it; empty where it does not
 */
public record PreparedImage(RgbImage crop, byte[] siglip2Pixels, List<byte[]> qwenVlPixels) {}
