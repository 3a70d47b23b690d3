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
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.StackSettings;
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
    private static final int PROBE_SIDE = 64;
    private static final byte GREY = (byte) 128;

    /** By GPU. */
    private static final Map<Integer, Stack> SHARED = new HashMap<>();

    private final ReentrantLock turn = new ReentrantLock(true);
    private final StackSettings settings;
    private final I2lModel model;
    private final TorchDevice device;
    private ImageToLora weights;

    /**
     * Reads the checkpoints' headers.
     *
     * @param models folder of checkpoints on this machine
     * @param gpu index of the GPU to use, if one is used
     * @throws UnusableException if the model or the device cannot be used, saying why
     */
    public Stack(StackSettings settings, Path models, int gpu) throws UnusableException {
        this.settings = settings;
        try {
            this.model = I2lModel.inspect(models, settings.variants());
            this.device = settings.device().resolve(gpu);
        } catch (IOException e) {
            throw new UnusableException(Problems.describe(e), e);
        }
    }

    /** The stack of this process for these settings, one for each GPU. Others replace it, which only tests do. */
    static synchronized Stack shared(StackSettings settings, Storage storage) throws UnusableException {
        int gpu = GpuStage.index();
        Stack shared = SHARED.get(gpu);
        if (shared == null || !shared.settings.equals(settings)) {
            if (shared != null) {
                SHARED.remove(gpu).close();
            }
            shared = new Stack(settings, CheckpointCache.localFolder(settings, storage), gpu);
            SHARED.put(gpu, shared);
        }
        return shared;
    }

    /**
     * The stack of this process for a run that was settled elsewhere.
     *
     * @throws UnusableException if this process cannot do the same
     */
    public static Stack shared(WorkOrder order, Storage storage) throws UnusableException {
        Stack stack = shared(order.stack(), storage);
        order.requireSame(WorkOrder.of(stack));
        return stack;
    }

    public I2lModel model() {
        return model;
    }

    public TorchDevice device() {
        return device;
    }

    public StackSettings settings() {
        return settings;
    }

    @Override
    public int batchSize() {
        return settings.batchSize();
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
        decode(List.of(embed(List.of(image))), settings.precision()).forEach(Lora::close);
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
                weights = ImageToLora.load(model, settings.precision(), device, settings.imagePositions());
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
