package org.i2lspark.image;

import java.util.List;
import java.util.Optional;
import org.i2lspark.image.Tiff.Directory;

/**
 * Tells a camera's RAW from a picture where both are TIFF (also Adobe's DNG 1.7): in a RAW, the first directory or one
 * below it holds what the sensor saw. The first picture of such a file is a thumbnail.
 */
final class TiffRaw {
    private static final int PHOTOMETRIC = 262;
    private static final int MAKE = 271;
    private static final int DNG_VERSION = 50706;

    private static final long COLOUR_FILTER_ARRAY = 32803;
    private static final long LINEAR_RAW = 34892;

    private TiffRaw() {}

    static boolean isDng(byte[] bytes) {
        return raw(bytes).filter(first -> first.has(DNG_VERSION)).isPresent();
    }

    /** Whether it is a RAW of cameras whose make begins so. */
    static boolean isMadeBy(byte[] bytes, String make) {
        return raw(bytes).filter(first -> first.text(MAKE).startsWith(make)).isPresent();
    }

    /** The first directory of a RAW. */
    private static Optional<Directory> raw(byte[] bytes) {
        return Tiff.of(bytes)
                .map(Tiff::first)
                .filter(first -> isSensorData(first) || first.below().stream().anyMatch(TiffRaw::isSensorData));
    }

    private static boolean isSensorData(Directory directory) {
        List<Long> photometric = directory.numbers(PHOTOMETRIC);
        return photometric.contains(COLOUR_FILTER_ARRAY) || photometric.contains(LINEAR_RAW);
    }
}
