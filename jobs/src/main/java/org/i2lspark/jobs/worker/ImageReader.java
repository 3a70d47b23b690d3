package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.i2lspark.ImageToLora;
import org.i2lspark.PreparedImage;
import org.i2lspark.image.DecoderUnavailableException;
import org.i2lspark.image.isolated.IsolatedDecoder.Decoded;
import org.i2lspark.jobs.options.Advice;
import org.i2lspark.jobs.options.ImageLimits;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.ImageSource;
import org.i2lspark.model.I2lModel;

/** Reads and hashes images, and has them decoded. What is wrong with one is told with it. */
final class ImageReader implements AutoCloseable {
    /** Images of more bytes are not kept between hashing and decoding but read again. */
    private static final int KEPT_BYTES = 16 << 20;

    private final ImageSource source;
    private final ImageLimits limits;
    private final I2lModel model;
    private final Executor readers;
    private final Executor decoders;
    private volatile boolean closed;

    ImageReader(ImageSource source, ImageLimits limits, I2lModel model, Executor readers, Executor decoders) {
        this.source = source;
        this.limits = limits;
        this.model = model;
        this.readers = readers;
        this.decoders = decoders;
    }

    /** Reads and hashes the images of a style. */
    CompletableFuture<List<ImageWork>> read(List<StyleImage> images) {
        return all(images, this::readAndHash, readers);
    }

    /** Decodes the images of a style that were read, and gives each to the stack as soon as it is. */
    CompletableFuture<List<ImageWork>> decode(List<ImageWork> images, StyleJob job) {
        List<Integer> positions = IntStream.range(0, images.size()).boxed().toList();
        return all(positions, position -> decode(images.get(position), position, job), decoders);
    }

    private static <A, B> CompletableFuture<List<B>> all(List<A> all, Function<A, B> work, Executor workers) {
        List<CompletableFuture<B>> futures = all.stream()
                .map(one -> CompletableFuture.supplyAsync(() -> work.apply(one), workers))
                .toList();
        return CompletableFuture.allOf(futures.toArray(new CompletableFuture<?>[0]))
                .thenApply(
                        ignored -> futures.stream().map(CompletableFuture::join).toList());
    }

    /** What waits to be read or decoded is not. */
    @Override
    public void close() {
        closed = true;
    }

    /** Ends the work of a thread for a task that has ended. */
    void requireOpen() {
        if (closed) {
            throw new CancellationException("the task has ended");
        }
    }

    private ImageWork readAndHash(StyleImage image) {
        requireOpen();
        String name = image.name();
        long start = System.nanoTime();
        try {
            byte[] bytes = image.read(source);
            ImageWork work = ImageWork.read(name, Hashes.sha256(bytes), bytes, seconds(start));
            return bytes.length <= KEPT_BYTES || image.isHeld() ? work : work.withoutBytes();
        } catch (IOException | RuntimeException e) {
            return ImageWork.failed(name, Failure.ofImage(name, e));
        } catch (OutOfMemoryError e) {
            return ImageWork.failed(
                    name, new Failure(ErrorClass.IMAGE_TOO_LARGE, name + ": it does not fit into memory"));
        }
    }

    private ImageWork decode(ImageWork image, int position, StyleJob job) {
        job.awaitRoom();
        PreparedImage prepared = null;
        try {
            requireOpen();
            byte[] bytes = image.bytes();
            long start = System.nanoTime();
            if (bytes == null) {
                bytes = source.read(image.uri());
                if (!Hashes.sha256(bytes).equals(image.sha256())) {
                    throw new IOException("it changed while it was being read");
                }
            }
            long read = System.nanoTime();
            Decoded decoded = SharedDecoder.get().decode(bytes, limits.maxPixels(), ImageToLora.cropSizes(model));
            prepared = new PreparedImage(decoded.crops());
            return image.decoded(decoded.width(), decoded.height(), (read - start) / 1e9, seconds(read));
        } catch (CancellationException e) {
            throw e;
        } catch (DecoderUnavailableException e) {
            // no image's fault: the task fails, and another executor may do better
            throw new UncheckedIOException(Advice.on(e), e);
        } catch (IOException | RuntimeException e) {
            return image.failed(Failure.ofImage(image.uri(), e));
        } catch (OutOfMemoryError e) {
            return image.failed(new Failure(
                    ErrorClass.DECODER_UNAVAILABLE,
                    image.uri() + ": its crops do not fit into this process's memory; give it more (-Xmx)"));
        } finally {
            if (prepared == null) {
                job.addNone();
            } else {
                job.add(position, prepared);
            }
        }
    }

    private static double seconds(long start) {
        return (System.nanoTime() - start) / 1e9;
    }
}
