package org.i2lspark.jobs.serve;

import java.util.List;

/**
 * What is said of a style to people.
 *
 * @param title null for its id
 * @param description null for none
 */
public record StyleText(String title, String description, List<String> tags) {
    static final StyleText NONE = new StyleText(null, null, List.of());

    public StyleText {
        tags = List.copyOf(tags);
    }
}
