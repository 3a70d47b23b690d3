package org.i2lspark.jobs.catalog;

import java.io.Serializable;
import java.util.List;

/** What one place of a catalog holds: a row, or a folder. */
record Found(List<Style> styles, PassedOver passedOver) implements Serializable {
    static Found of(Style style) {
        return new Found(List.of(style), PassedOver.NOTHING);
    }
}
