package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.ImageToLora;
import org.i2lspark.PreparedImage;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.output.Failure.Kind;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.I2lModel;
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
    private static List<Object> sharedKey;

    private final ReentrantLock turn = new ReentrantLock(true);
    private final I2lModel model;
    private final TorchDevice device;
    private final ElementType precision;
    private final int batchSize;
    private final ImagePositions positions;
    private ImageToLora weights;

    /**
     * Reads the checkpoints' headers.
     *
     * @param models folder of checkpoints on this machine
     * @param gpu index of the GPU to use, if one is used
     * @throws UnusableException if the model or the device cannot be used, saying why
     */
    public Stack(GenerateOptions options, Path models, int gpu) throws UnusableException {
        try {
            this.model = I2lModel.inspect(models, options.variants());
            this.device = options.device().resolve(gpu);
        } catch (IOException e) {
            throw new UnusableException(Problems.describe(e), e);
        }
        ElementType usual = device.isCpu() ? ElementType.FLOAT32 : ElementType.BFLOAT16;
        this.precision = options.precision() != null ? options.precision() : usual;
        int usualBatch = device.isCpu() ? CPU_BATCH : GPU_BATCH;
        this.batchSize = options.batchSize() > 0 ? options.batchSize() : usualBatch;
        this.positions = options.imagePositions();
    }

    /** The stack of this process for these options. Other options replace it, which only tests do. */
    public static synchronized Stack shared(GenerateOptions options, Storage storage) throws UnusableException {
        int gpu = GpuStage.index();
        List<Object> key = Arrays.asList(
                options.models(),
                options.variants(),
                options.device(),
                options.precision(),
                options.batchSize(),
                options.imagePositions(),
                gpu);
        if (!key.equals(sharedKey)) {
            if (shared != null) {
                shared.close();
                sharedKey = null;
            }
            shared = new Stack(options, CheckpointCache.localFolder(options, storage), gpu);
            sharedKey = key;
        }
        return shared;
    }

    public I2lModel model() {
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
    public int imagesPerTask() {
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
            try {
                weights = ImageToLora.load(model, precision, device, positions);
            } catch (IOException e) {
                throw new IOException("[%s] %s".formatted(Kind.CHECKPOINT.id(), Problems.describe(e)), e);
            }
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
