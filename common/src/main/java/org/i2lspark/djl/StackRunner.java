package org.i2lspark.djl;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import org.i2lspark.ImageToLora;
import org.i2lspark.LoadedStack;
import org.i2lspark.LoraMetadata;
import org.i2lspark.MemoryPlan;
import org.i2lspark.PreparedImage;
import org.i2lspark.djl.StackArguments.BadImage;
import org.i2lspark.image.ImageException;
import org.i2lspark.image.ImageException.Problem;
import org.i2lspark.image.isolated.IsolatedDecoder;
import org.i2lspark.model.I2lModel;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.GpuMemory;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;

/** What the predictors of a model share: its weights, and the decoder of images. */
final class StackRunner implements AutoCloseable {
    private static final Duration IMAGE_LIMIT = Duration.ofMinutes(1);

    private final I2lModel model;
    private final StackArguments arguments;
    private final int batchSize;
    private final NDManager manager;
    private final LoadedStack stack;
    private final LoraMetadata metadata;
    private final IsolatedDecoder decoder;
    private final ExecutorService decoders;

    private StackRunner(I2lModel model, StackArguments arguments, int batchSize, Device device, ImageToLora weights) {
        this.model = model;
        this.arguments = arguments;
        this.batchSize = batchSize;
        this.manager = Torch.engine().newBaseManager(device);
        this.stack = new LoadedStack(weights, arguments.batchShape());
        this.metadata = new LoraMetadata(
                arguments.baseModel(),
                arguments.variants(),
                model.qwenVl().map(encoder -> arguments.imagePositions()),
                model.fingerprints());
        this.decoder = new IsolatedDecoder(arguments.decoderMemory(), IMAGE_LIMIT);
        int threads = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
        this.decoders = Executors.newFixedThreadPool(threads, work -> {
            Thread thread = new Thread(work, "i2l-djl-decoder");
            thread.setDaemon(true);
            return thread;
        });
    }

    static StackRunner load(I2lModel model, StackArguments arguments, TorchDevice device, Device djlDevice)
            throws IOException {
        ElementType precision = arguments.precisionOn(device);
        int batchSize = arguments.batchSizeOn(device);
        MemoryPlan plan = MemoryPlan.of(model, precision, batchSize, GpuMemory.budget(device, arguments.gpuMemory()))
                .orElseThrow(() -> new IOException(
                        "Cannot load the model: it does not fit into the GPU's memory in batches of %d; see the arguments gpuMemory and batchSize"
                                .formatted(batchSize)));
        return new StackRunner(
                model,
                arguments,
                batchSize,
                djlDevice,
                ImageToLora.load(model, precision, device, arguments.imagePositions(), plan));
    }

    StackArguments arguments() {
        return arguments;
    }

    LoadedStack stack() {
        return stack;
    }

    LoraMetadata metadata() {
        return metadata;
    }

    /** Images to take to the device together. */
    int batchSize() {
        return batchSize;
    }

    /**
     * Decodes the images of styles, several at once.
     *
     * @throws TranslateException if one cannot be used and that is to fail, naming it
     * @throws IOException if none can be decoded here
     */
    StyleBatch read(List<List<SourceImage>> styles) throws IOException, TranslateException {
        List<List<Future<ReadImage>>> reading = new ArrayList<>();
        try {
            for (List<SourceImage> style : styles) {
                reading.add(style.stream()
                        .map(image -> decoders.submit(() -> read(image)))
                        .toList());
            }
            List<Optional<StyleBatch.Style>> read = new ArrayList<>();
            for (int i = 0; i < styles.size(); i++) {
                read.add(style(i, reading));
            }
            return new StyleBatch(this, read);
        } catch (RejectedExecutionException e) {
            throw new IllegalStateException("The model is closed", e);
        } finally {
            reading.forEach(style -> style.forEach(image -> image.cancel(false)));
        }
    }

    /** An image's crops and, if it is a file, its SHA-256 in hex. */
    private record ReadImage(PreparedImage crops, Optional<String> sha256) {}

    private Optional<StyleBatch.Style> style(int index, List<List<Future<ReadImage>>> reading)
            throws IOException, TranslateException {
        List<ReadImage> images = new ArrayList<>();
        try {
            requireFit(reading.get(index).size());
            for (Future<ReadImage> image : reading.get(index)) {
                images.add(result(image));
            }
        } catch (ImageException | IllegalArgumentException e) {
            if (arguments.badImage() == BadImage.NULL) {
                return Optional.empty();
            }
            throw new TranslateException("%s (input %d of %d)".formatted(e.getMessage(), index + 1, reading.size()), e);
        }
        return Optional.of(new StyleBatch.Style(
                images.stream().map(ReadImage::crops).toList(),
                images.stream().flatMap(image -> image.sha256().stream()).toList()));
    }

    private void requireFit(int images) {
        if (images < 1 || images > arguments.maxImagesPerStyle()) {
            throw new IllegalArgumentException(
                    "Cannot make a LoRA of %d images (expected 1 to %d, the argument maxImagesPerStyle)"
                            .formatted(images, arguments.maxImagesPerStyle()));
        }
    }

    private static ReadImage result(Future<ReadImage> image) throws IOException {
        try {
            return image.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("The thread was interrupted while images were decoded", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException problem) {
                throw problem;
            }
            if (e.getCause() instanceof RuntimeException problem) {
                throw problem;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    private ReadImage read(SourceImage image) throws IOException {
        if (image instanceof SourceImage.Decoded decoded) {
            return new ReadImage(ImageToLora.prepare(model, decoded.pixels(manager)), Optional.empty());
        }
        byte[] bytes = ((SourceImage.File) image).bytes();
        if (bytes == null) {
            throw new ImageException(Problem.UNSUPPORTED, "Cannot decode image: there is none");
        }
        if (bytes.length > arguments.maxImageBytes()) {
            throw new ImageException(
                    Problem.TOO_LARGE,
                    "Cannot decode image: it has more than %d bytes; shrink it, or raise the argument maxImageBytes"
                            .formatted(arguments.maxImageBytes()));
        }
        return new ReadImage(
                new PreparedImage(decoder.decode(bytes, arguments.maxPixels(), ImageToLora.cropSizes(model))
                        .crops()),
                Optional.of(sha256(bytes)));
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    @Override
    public void close() {
        decoders.shutdown();
        decoder.close();
        stack.close();
        manager.close();
    }
}
