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
 * @param unreadable why the images of this style, and of it only, are not known; null when they are
 * @param stored embeddings of the images; null when they are to be made
 */
public record Style(
        String id, String brand, List<String> images, String problem, String unreadable, StoredEmbeddings stored)
        implements Serializable {
    public Style {
        images = List.copyOf(images);
    }

    public Style(String id, String brand, List<String> images) {
        this(id, brand, images, null, null);
    }

    /** A style of images whose embeddings are there. */
    public static Style ofStored(String id, String brand, List<String> images, StoredEmbeddings stored) {
        return new Style(id, brand, images, null, null, stored);
    }

    Style(String id, String brand, List<String> images, String problem, String unreadable) {
        this(id, brand, images, problem, unreadable, null);
    }
}
