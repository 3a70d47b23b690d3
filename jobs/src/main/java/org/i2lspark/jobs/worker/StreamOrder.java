package org.i2lspark.jobs.worker;

import java.io.Serializable;
import org.i2lspark.jobs.options.ImageLimits;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.storage.ImageSource;

/**
 * What a stream of styles is told: all of it is settled.
 *
 * @param form of the LoRAs; null if embeddings are all that is wanted
 * @param rules which images may be read
 * @param limits what images are held to
 */
public record StreamOrder(WorkOrder stack, LoraForm form, ImageSource.Rules rules, ImageLimits limits)
        implements Serializable {

    /** The same without LoRAs. */
    public StreamOrder ofEmbeddings() {
        return new StreamOrder(stack, null, rules, limits);
    }
}
