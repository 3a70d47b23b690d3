package org.i2lspark.jobs.catalog;

import java.io.Serializable;
import java.util.List;

/**
 * What an earlier run saw in a style's images, so that none is to be read or embedded again.
 *
 * @param run whose rows in the output that is worked on carry the embeddings; null where they are another output's
 * @param images in the order of the style
 */
public record StoredEmbeddings(String run, List<OfImage> images) implements Serializable {
    public StoredEmbeddings {
        images = List.copyOf(images);
    }

    /**
     * What was seen in an image.
     *
     * @param sha256 of its file, in hex
     * @param width of the upright image in pixels
     */
    public record OfImage(String sha256, int width, int height, float[] siglip2, float[] dinov3)
            implements Serializable {}
}
