package org.i2lspark;

/** How many images are computed together. */
public enum BatchShape {
    /** As many as there are, up to the batch size: sums may be rounded otherwise with other numbers of images. */
    AS_FILLED,
    /** Each image and each style alone, so that its bytes depend on nothing beside it. */
    ONE_BY_ONE
}
