package org.i2lspark.jobs.catalog;

import java.io.Serializable;
import java.util.List;

/**
 * The unit of work: one or more images that become one LoRA.
 *
 * @param id unique in the catalog
 * @param brand whose style it is; null when the catalog does not say
 * @param images URIs, in the order in which their factors are merged
 * @param problem why the catalog cannot be used, which is only known when all rows of the style are together; null when
 *     it can
 */
public record Style(String id, String brand, List<String> images, String problem) implements Serializable {
    public Style {
        images = List.copyOf(images);
    }

    public Style(String id, String brand, List<String> images) {
        this(id, brand, images, null);
    }
}
