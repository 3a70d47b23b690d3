package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.util.List;
import java.util.function.IntConsumer;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.PreparedImage;
import org.i2lspark.lora.Lora;
import org.i2lspark.torch.ElementType;

/** What batches need of the stack. */
interface BatchStack {
    /** Images to embed at once. */
    int batchSize();

    /**
     * Embeds a batch.
     *
     * @param halved takes how often the batch was halved, because the memory did not hold it
     * @throws IOException if the weights cannot be loaded
     */
    List<ImageEmbedding> embed(List<PreparedImage> images, IntConsumer halved) throws IOException;

    /**
     * Decodes a batch of styles.
     *
     * @param halved takes how often the batch was halved, because the memory did not hold it
     * @return a LoRA for each style, to be closed
     * @throws IOException if the weights cannot be loaded
     */
    List<Lora> decode(List<List<ImageEmbedding>> styles, ElementType loraType, IntConsumer halved) throws IOException;

    /**
     * Takes a known image all the way, with nothing of the catalog in it.
     *
     * @throws RuntimeException if the stack cannot do even that
     */
    void probe() throws IOException;
}
