package org.i2lspark.jobs.worker;

import java.util.HashMap;
import java.util.Map;
import org.i2lspark.jobs.catalog.Style;

/**
 * How far a task has come, for the driver. An image counts once: when it went through the stack, for its style may have many
 * more; or else when its style is settled.
 */
final class TaskProgress {
    private final Counters counters;
    /** How often images of styles that are not settled went through the stack. */
    private final Map<String, Integer> ahead = new HashMap<>();

    TaskProgress(Counters counters) {
        this.counters = counters;
    }

    /** An image of a style went through the stack; it may do so again. */
    void embedded(Style style) {
        counters.embedded().add(1L);
        if (ahead.merge(style.id(), 1, Integer::sum) <= style.images().size()) {
            counters.images().add(1L);
        }
    }

    /** A style is done, skipped or failed. */
    void settled(Style style) {
        int images = style.images().size();
        Integer counted = ahead.remove(style.id());
        counters.styles().add(1L);
        counters.images().add((long) (counted == null ? images : Math.max(0, images - counted)));
    }

    /** A style that is settled failed. */
    void failed() {
        counters.failed().add(1L);
    }
}
