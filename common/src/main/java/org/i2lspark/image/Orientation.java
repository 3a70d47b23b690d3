package org.i2lspark.image;

import static org.i2lspark.image.RgbImage.CHANNELS;

import com.drew.imaging.ImageMetadataReader;
import com.drew.imaging.ImageProcessingException;
import com.drew.metadata.Metadata;
import com.drew.metadata.exif.ExifIFD0Directory;
import java.io.ByteArrayInputStream;
import java.io.IOException;

/** How a camera was held, as EXIF tag 0x0112 numbers it. */
enum Orientation {
    TOP_LEFT,
    TOP_RIGHT,
    BOTTOM_RIGHT,
    BOTTOM_LEFT,
    LEFT_TOP,
    RIGHT_TOP,
    RIGHT_BOTTOM,
    LEFT_BOTTOM;

    /** What the metadata of an encoded image says; upright where it says nothing that can be read. */
    static Orientation of(byte[] bytes) {
        try {
            Metadata metadata = ImageMetadataReader.readMetadata(new ByteArrayInputStream(bytes), bytes.length);
            ExifIFD0Directory exif = metadata.getFirstDirectoryOfType(ExifIFD0Directory.class);
            Integer tag = exif == null ? null : exif.getInteger(ExifIFD0Directory.TAG_ORIENTATION);
            return tag == null || tag < 1 || tag > values().length ? TOP_LEFT : values()[tag - 1];
        } catch (ImageProcessingException | IOException e) {
            return TOP_LEFT;
        }
    }

    /** The image turned and mirrored upright. */
    RgbImage upright(RgbImage image) {
        if (this == TOP_LEFT) {
            return image;
        }
        boolean swapped = compareTo(LEFT_TOP) >= 0;
        int width = swapped ? image.height() : image.width();
        int height = swapped ? image.width() : image.height();
        byte[] in = image.pixels();
        byte[] out = new byte[in.length];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int source = sourcePixel(image, x, y) * CHANNELS;
                int target = (y * width + x) * CHANNELS;
                out[target] = in[source];
                out[target + 1] = in[source + 1];
                out[target + 2] = in[source + 2];
            }
        }
        return new RgbImage(width, height, out);
    }

    private int sourcePixel(RgbImage image, int x, int y) {
        int right = image.width() - 1;
        int bottom = image.height() - 1;
        int width = image.width();
        return switch (this) {
            case TOP_LEFT -> y * width + x;
            case TOP_RIGHT -> y * width + right - x;
            case BOTTOM_RIGHT -> (bottom - y) * width + right - x;
            case BOTTOM_LEFT -> (bottom - y) * width + x;
            case LEFT_TOP -> x * width + y;
            case RIGHT_TOP -> (bottom - x) * width + y;
            case RIGHT_BOTTOM -> (bottom - x) * width + right - y;
            case LEFT_BOTTOM -> x * width + right - y;
        };
    }
}
