package org.i2lspark.jobs.generate;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.ImageToLora;
import org.i2lspark.PreparedImage;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.StyleModel;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TorchDevice;

/**
 * The image-to-LoRA stack of this process. Headers are read at once, weights when the first image needs them, and both
 * only once however many tasks there are. One task at a time computes: a batch keeps the whole device busy.
 */
public final class Stack implements AutoCloseable {
    private static final int CPU_BATCH = 8;
    private static final int GPU_BATCH = 32;
    private static final int CPU_BATCHES_PER_TASK = 2;
    private static final int GPU_BATCHES_PER_TASK = 32;

    private static Stack shared;
    private static String sharedKey;

    private final ReentrantLock turn = new ReentrantLock(true);
    private final StyleModel model;
    private final TorchDevice device;
    private final ElementType precision;
    private final int batchSize;
    private ImageToLora weights;

    /**
     * Reads the checkpoints' headers.
     *
     * @throws IOException if the model or the device cannot be used, saying why
     */
    public Stack(String models, DeviceChoice choice, ElementType precision, int batchSize) throws IOException {
        this.model = StyleModel.inspect(Path.of(models));
        this.device = choice.resolve();
        this.precision = precision != null ? precision : device.isCpu() ? ElementType.FLOAT32 : ElementType.BFLOAT16;
        this.batchSize = batchSize > 0 ? batchSize : device.isCpu() ? CPU_BATCH : GPU_BATCH;
    }

    /** The stack of this process for these options. Other options replace it, which only tests do. */
    static synchronized Stack shared(GenerateOptions options) throws IOException {
        String key = options.models() + "|" + options.device() + "|" + options.precision() + "|" + options.batchSize();
        if (!key.equals(sharedKey)) {
            if (shared != null) {
                shared.close();
                sharedKey = null;
            }
            shared = new Stack(options.models(), options.device(), options.precision(), options.batchSize());
            sharedKey = key;
        }
        return shared;
    }

    public StyleModel model() {
        return model;
    }

    public TorchDevice device() {
        return device;
    }

    public ElementType precision() {
        return precision;
    }

    /** Images to embed at once. */
    public int batchSize() {
        return batchSize;
    }

    /** Images that a task should take on: few where they are slow, for they are lost when a task is. */
    int imagesPerTask() {
        return batchSize * (device.isCpu() ? CPU_BATCHES_PER_TASK : GPU_BATCHES_PER_TASK);
    }

    /** Embeds a batch, loading the weights first if need be. */
    public List<ImageEmbedding> embed(List<PreparedImage> images) throws IOException {
        turn.lock();
        try {
            return loaded().embed(images);
        } finally {
            turn.unlock();
        }
    }

    /** Decodes a batch of styles, loading the weights first if need be. */
    public List<Lora> decode(List<List<ImageEmbedding>> styles, ElementType loraType) throws IOException {
        turn.lock();
        try {
            return loaded().decode(styles, loraType);
        } finally {
            turn.unlock();
        }
    }

    private ImageToLora loaded() throws IOException {
        if (weights == null) {
            weights = ImageToLora.load(model, precision, device);
        }
        return weights;
    }

    @Override
    public void close() {
        turn.lock();
        try {
            if (weights != null) {
                weights.close();
                weights = null;
            }
        } finally {
            turn.unlock();
        }
    }
}
