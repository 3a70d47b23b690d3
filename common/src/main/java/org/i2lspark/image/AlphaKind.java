package org.i2lspark.image;

import java.util.List;

/** What the channel means that ImageIO takes for alpha. */
enum AlphaKind {
    /** Alpha, beside colours as they are. */
    STRAIGHT,
    /** Alpha, by which the colours are multiplied already. */
    PREMULTIPLIED,
    /** Something else, such as a selection that an image editor stored. */
    NONE;

    private static final int EXTRA_SAMPLES = 338;
    private static final long ASSOCIATED = 1;
    private static final long UNASSOCIATED = 2;

    /** What TIFF says about its extra samples (tag 338), which its reader takes for straight alpha. */
    static AlphaKind ofTiff(byte[] bytes) {
        List<Long> extra =
                Tiff.of(bytes).map(tiff -> tiff.first().numbers(EXTRA_SAMPLES)).orElse(List.of());
        if (extra.isEmpty() || extra.contains(UNASSOCIATED)) {
            return STRAIGHT;
        }
        return extra.contains(ASSOCIATED) ? PREMULTIPLIED : NONE;
    }
}
