package org.i2lspark.jobs.generate;

import java.io.Serializable;
import java.util.List;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.manifest.FinishedLora;

/** A style and what earlier runs made of it. */
record PlannedStyle(Style style, List<FinishedLora> finished) implements Serializable {
    PlannedStyle {
        finished = List.copyOf(finished);
    }
}
