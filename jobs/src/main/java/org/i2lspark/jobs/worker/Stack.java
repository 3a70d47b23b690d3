package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.IntConsumer;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.ImageToLora;
import org.i2lspark.PreparedImage;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.image.RgbImage;
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
public final class Stack implements BatchStack, AutoCloseable {
    private static final int CPU_BATCH = 8;
    private static final int GPU_BATCH = 32;
    private static final int CPU_BATCHES_PER_TASK = 2;
    private static final int GPU_BATCHES_PER_TASK = 32;

    private static final int PROBE_SIDE = 64;
    private static final byte GREY = (byte) 128;

    /** By GPU. */
    private static final Map<Integer, Shared> SHARED = new HashMap<>();

    private record Shared(List<Object> key, Stack stack) {}

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

    /** The stack of this process for these options, one for each GPU. Other options replace it, which only tests do. */
    public static synchronized Stack shared(GenerateOptions options, Storage storage) throws UnusableException {
        int gpu = GpuStage.index();
        List<Object> key = Arrays.asList(
                options.models(),
                options.variants(),
                options.device(),
                options.precision(),
                options.batchSize(),
                options.imagePositions());
        Shared shared = SHARED.get(gpu);
        if (shared == null || !key.equals(shared.key)) {
            if (shared != null) {
                SHARED.remove(gpu).stack.close();
            }
            shared = new Shared(key, new Stack(options, CheckpointCache.localFolder(options, storage), gpu));
            SHARED.put(gpu, shared);
        }
        return shared.stack;
    }

    /**
     * The stack of this process for a run that was settled elsewhere.
     *
     * @throws UnusableException if this process cannot do the same
     */
    public static Stack shared(GenerateOptions options, WorkOrder order, Storage storage) throws UnusableException {
        Stack stack = shared(options, storage);
        order.requireSame(WorkOrder.of(stack));
        return stack;
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

    @Override
    public int batchSize() {
        return batchSize;
    }

    /** Images that a task should take on: few where they are slow, for they are lost when a task is. */
    public int imagesPerTask() {
        return batchSize * (device.isCpu() ? CPU_BATCHES_PER_TASK : GPU_BATCHES_PER_TASK);
    }

    /** Embeds a batch, loading the weights first if need be. */
    public List<ImageEmbedding> embed(List<PreparedImage> images) throws IOException {
        return embed(images, halved -> {});
    }

    /** Decodes a batch of styles, loading the weights first if need be. */
    public List<Lora> decode(List<List<ImageEmbedding>> styles, ElementType loraType) throws IOException {
        return decode(styles, loraType, halved -> {});
    }

    @Override
    public List<ImageEmbedding> embed(List<PreparedImage> images, IntConsumer halved) throws IOException {
        return compute(weights -> weights.embed(images), halved);
    }

    @Override
    public List<Lora> decode(List<List<ImageEmbedding>> styles, ElementType loraType, IntConsumer halved)
            throws IOException {
        return compute(weights -> weights.decode(styles, loraType), halved);
    }

    @Override
    public void probe() throws IOException {
        byte[] pixels = new byte[3 * PROBE_SIDE * PROBE_SIDE];
        Arrays.fill(pixels, GREY);
        PreparedImage image = ImageToLora.prepare(model, new RgbImage(PROBE_SIDE, PROBE_SIDE, pixels));
        decode(List.of(embed(List.of(image))), precision).forEach(Lora::close);
    }

    /** Takes a turn on the device, loading the weights first if need be. */
    private <T> T compute(Function<ImageToLora, T> work, IntConsumer halved) throws IOException {
        turn.lock();
        try {
            ImageToLora loaded = loaded();
            int before = loaded.halvings();
            try {
                return work.apply(loaded);
            } finally {
                halved.accept(loaded.halvings() - before);
            }
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
