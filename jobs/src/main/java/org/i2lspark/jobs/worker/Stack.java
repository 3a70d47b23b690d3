package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.IntConsumer;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.ImageToLora;
import org.i2lspark.LoadedStack;
import org.i2lspark.MemoryPlan;
import org.i2lspark.PreparedImage;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.ByteSize;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.options.Setting;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.jobs.output.Failure.Kind;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.I2lModel;
import org.i2lspark.torch.DeviceStream;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.GpuMemory;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;

/**
 * The image-to-LoRA stack on one device. Headers are read at once, weights in the background from {@link #beginLoading} on, and
 * both only once however many tasks there are.
 */
public final class Stack implements BatchStack {
    private static final int PROBE_SIDE = 64;
    private static final byte GREY = (byte) 128;

    private final AtomicInteger halvingsTold = new AtomicInteger();
    private final StackSettings settings;
    private final I2lModel model;
    private final TorchDevice device;
    private final MemoryPlan plan;
    private final Map<LoraSize, Long> loraBytes = new ConcurrentHashMap<>();
    private CompletableFuture<LoadedStack> weights;
    private boolean closed;

    private record LoraSize(int images, LoraForm form) {}

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
            this.model = I2lModel.inspect(models, settings.baseModel(), settings.variants(), settings.input());
            this.device = settings.device().resolve(gpu);
            Torch.useThreads(threads(device));
            this.plan = planMemory();
        } catch (IOException e) {
            throw new UnusableException(Problems.describe(e), e);
        }
    }

    static int threads(TorchDevice device) {
        String asked = Setting.TORCH_THREADS.value();
        if (!asked.equals("auto")) {
            return Integer.parseInt(asked);
        }
        return device.isCpu() ? Runtime.getRuntime().availableProcessors() : 1;
    }

    private MemoryPlan planMemory() throws IOException, UnusableException {
        Optional<Long> budget = GpuMemory.budget(device, settings.gpuMemory());
        Optional<MemoryPlan> found = MemoryPlan.of(model, settings.precision(), settings.batchSize(), budget);
        if (found.isEmpty()) {
            throw new UnusableException(
                    "Cannot run in %s of GPU memory: in batches of %d, %s take at least %s; see --gpu-memory and --batch-size"
                            .formatted(
                                    ByteSize.text(budget.orElseThrow()),
                                    settings.batchSize(),
                                    settings.variantText(),
                                    ByteSize.text(
                                            MemoryPlan.least(model, settings.precision(), settings.batchSize()))));
        }
        return found.get();
    }

    public I2lModel model() {
        return model;
    }

    /** What is in the device's memory at a time. */
    public MemoryPlan plan() {
        return plan;
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

    @Override
    public int chunk() {
        return plan.chunk();
    }

    @Override
    public boolean overlaps() {
        return !device.isCpu() && plan.isAllResident();
    }

    @Override
    public long loraBytes(int images, LoraForm form) {
        return loraBytes.computeIfAbsent(
                new LoraSize(images, form),
                size -> ImageToLora.loraBytes(model, images, form.type(), form.rank(), device));
    }

    /** Embeds a batch, loading the weights first if need be. */
    public List<ImageEmbedding> embed(List<PreparedImage> images) throws IOException {
        return embed(images, halved -> {});
    }

    /** Decodes a batch of styles, loading the weights first if need be. */
    public List<Lora> decode(List<List<ImageEmbedding>> styles, ElementType loraType) throws IOException {
        return decode(styles, loraType, 0, halved -> {});
    }

    private List<Lora> decode(
            List<List<ImageEmbedding>> styles, ElementType loraType, int highestRank, IntConsumer halved)
            throws IOException {
        return compute(weights -> weights.decode(styles, loraType, highestRank), halved);
    }

    /** Decodes a batch of styles into LoRAs of this form, loading the weights first if need be. */
    public List<Lora> decode(List<List<ImageEmbedding>> styles, LoraForm form) throws IOException {
        return decode(styles, form, halved -> {});
    }

    @Override
    public List<ImageEmbedding> embed(List<PreparedImage> images, IntConsumer halved) throws IOException {
        return compute(weights -> weights.embed(images), halved);
    }

    @Override
    public List<Lora> decode(List<List<ImageEmbedding>> styles, LoraForm form, IntConsumer halved) throws IOException {
        return decode(styles, form.type(), form.rank(), halved);
    }

    @Override
    public void probe() throws IOException {
        List<ImageEmbedding> embeddings = switch (settings.input()) {
            case IMAGES -> embed(List.of(greyImage()));
            case EMBEDDINGS -> List.of(zeroEmbedding());
        };
        decode(List.of(embeddings), settings.precision()).forEach(Lora::close);
    }

    private PreparedImage greyImage() {
        byte[] pixels = new byte[3 * PROBE_SIDE * PROBE_SIDE];
        Arrays.fill(pixels, GREY);
        return ImageToLora.prepare(model, new RgbImage(PROBE_SIDE, PROBE_SIDE, pixels));
    }

    private ImageEmbedding zeroEmbedding() {
        int size = Math.toIntExact(model.decoders().get(0).layout().embeddingSize());
        return ImageEmbedding.withoutResiduals(
                new float[size], new float[0], model.decoders().size());
    }

    private <T> T compute(Function<LoadedStack, T> work, IntConsumer halved) throws IOException {
        LoadedStack loaded = loaded();
        try {
            return work.apply(loaded);
        } finally {
            int halvings = loaded.halvings();
            halved.accept(halvings - halvingsTold.getAndSet(halvings));
        }
    }

    /** Begins to load the weights, if that has not been done. Whoever needs them is told if that fails. */
    public synchronized void beginLoading() {
        if (closed) {
            throw new IllegalStateException("the stack is closed");
        }
        // what failed is tried again
        if (weights == null || weights.isCompletedExceptionally()) {
            CompletableFuture<LoadedStack> loading = new CompletableFuture<>();
            weights = loading;
            Thread loader = new Thread(() -> load(loading), "i2l-loader");
            loader.setDaemon(true);
            loader.start();
        }
    }

    @Override
    public void takeStream() {
        DeviceStream.ofThisThread(device);
    }

    @Override
    public void load() throws IOException {
        loaded();
    }

    private LoadedStack loaded() throws IOException {
        try {
            return loading().get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("the thread was interrupted while the weights were loaded");
        } catch (ExecutionException e) {
            throw notLoaded(e.getCause());
        }
    }

    private synchronized CompletableFuture<LoadedStack> loading() {
        beginLoading();
        return weights;
    }

    private void load(CompletableFuture<LoadedStack> loading) {
        try {
            loading.complete(new LoadedStack(
                    ImageToLora.load(model, settings.precision(), device, settings.imagePositions(), plan),
                    settings.batchShape()));
        } catch (Throwable e) {
            loading.completeExceptionally(e);
        }
    }

    private static IOException notLoaded(Throwable cause) {
        if (cause instanceof IOException) {
            return new IOException("[%s] %s".formatted(Kind.CHECKPOINT.id(), Problems.describe(cause)), cause);
        }
        if (cause instanceof RuntimeException problem) {
            throw problem;
        }
        throw (Error) cause;
    }

    @Override
    public void close() {
        CompletableFuture<LoadedStack> loaded;
        synchronized (this) {
            closed = true;
            loaded = weights;
        }
        if (loaded == null) {
            return;
        }
        try {
            loaded.join().close();
        } catch (CompletionException e) {
            // there are none
            return;
        }
    }
}
