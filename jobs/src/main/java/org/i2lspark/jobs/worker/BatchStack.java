package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.util.List;
import java.util.function.IntConsumer;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.PreparedImage;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.lora.Lora;

/** What the pipeline needs of a stack. One thread may embed while another decodes. */
interface BatchStack extends AutoCloseable {
    /** Images of styles to decode at once. */
    int batchSize();

    /** Images to embed before styles are decoded: a batch, or more where going from one to the other takes long. */
    int chunk();

    /** Whether to embed and to decode at once is quicker than one after the other. */
    boolean overlaps();

    /** Bytes of host memory that the LoRA of a style of so many images takes until it is written. */
    long loraBytes(int images, LoraForm form);

    /** Lets what the calling thread asks of the device from now on run beside what others ask. */
    void takeStream();

    /**
     * Waits until the weights are loaded, and begins to load them if that has not been done.
     *
     * @throws IOException if they cannot be loaded
     */
    void load() throws IOException;

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
    List<Lora> decode(List<List<ImageEmbedding>> styles, LoraForm form, IntConsumer halved) throws IOException;

    /**
     * Takes a known image all the way, with nothing of the catalog in it.
     *
     * @throws RuntimeException if the stack cannot do even that
     */
    void probe() throws IOException;

    /** Frees the weights; there is no more work. */
    @Override
    void close();
}
