package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.stream.IntStream;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.ImageToLora;
import org.i2lspark.PreparedImage;
import org.i2lspark.image.DecoderUnavailableException;
import org.i2lspark.image.isolated.IsolatedDecoder.Decoded;
import org.i2lspark.jobs.catalog.StoredEmbeddings;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.options.Advice;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.i2lspark.jobs.output.ImageFacts;
import org.i2lspark.jobs.output.Output;
import org.i2lspark.jobs.output.Receipt;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.ImageSource;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.I2lModel;

/** Reads the images of styles, finds out which styles need no more work, and decodes the images of the others. */
final class StyleReader implements AutoCloseable {
    /** Images of more bytes are not kept between hashing and decoding but read again. */
    private static final int KEPT_BYTES = 16 << 20;

    private final Assignment assignment;
    private final Output output;
    private final ImageSource source;
    private final I2lModel model;
    private final Executor readers;
    private final Executor decoders;
    private volatile boolean closed;

    StyleReader(
            Assignment assignment,
            Storage storage,
            Output output,
            I2lModel model,
            Executor readers,
            Executor decoders) {
        this.assignment = assignment;
        this.output = output;
        this.source = new ImageSource(storage, assignment.rules());
        this.model = model;
        this.readers = readers;
        this.decoders = decoders;
    }

    /**
     * A style after reading.
     *
     * @param fingerprint null when an image could not be read
     * @param receipt what an earlier attempt or run made of it, if that still holds
     * @param images in order; not decoded when there is a receipt
     */
    record ReadStyle(Style style, String fingerprint, Optional<Receipt> receipt, List<ImageWork> images) {
        Optional<Failure> failure() {
            return images.stream()
                    .map(ImageWork::failure)
                    .filter(failure -> failure != null)
                    .findFirst();
        }

        /** What reading and decoding took, by stage. */
        Map<String, Double> seconds() {
            Map<String, Double> seconds = new LinkedHashMap<>();
            seconds.put(
                    "read", images.stream().mapToDouble(ImageWork::readSeconds).sum());
            seconds.put(
                    "prepare",
                    images.stream().mapToDouble(ImageWork::prepareSeconds).sum());
            return seconds;
        }
    }

    /** Reads and hashes a style's images, if they are not known, and finds out what came of them before. */
    CompletableFuture<ReadStyle> read(Style style) {
        if (style.stored() != null) {
            return CompletableFuture.supplyAsync(() -> identify(style, stored(style)), readers);
        }
        List<CompletableFuture<ImageWork>> reads = style.images().stream()
                .map(uri -> CompletableFuture.supplyAsync(() -> readAndHash(uri), readers))
                .toList();
        return join(reads).thenApplyAsync(images -> identify(style, images), readers);
    }

    private List<ImageWork> stored(Style style) {
        requireOpen();
        return IntStream.range(0, style.images().size())
                .mapToObj(i -> ImageWork.stored(
                        style.images().get(i), style.stored().images().get(i)))
                .toList();
    }

    private ReadStyle identify(Style style, List<ImageWork> images) {
        if (images.stream().anyMatch(image -> image.failure() != null)) {
            return new ReadStyle(style, null, Optional.empty(), images);
        }
        String fingerprint = Fingerprints.ofStyle(
                images.stream().map(ImageWork::sha256).toList(), assignment.order(), assignment.form());
        return new ReadStyle(style, fingerprint, receipt(style, fingerprint), images);
    }

    /** Decodes the images of a style that was read, and gives each to the stack as soon as it is; or their embeddings. */
    CompletableFuture<ReadStyle> decode(ReadStyle read, StyleJob job) {
        if (read.style().stored() != null) {
            job.addEmbedded(embeddings(read.style().stored()));
            return CompletableFuture.completedFuture(read);
        }
        List<CompletableFuture<ImageWork>> decodes = IntStream.range(
                        0, read.images().size())
                .mapToObj(i ->
                        CompletableFuture.supplyAsync(() -> decode(read.images().get(i), i, job), decoders))
                .toList();
        return join(decodes)
                .thenApply(images -> new ReadStyle(read.style(), read.fingerprint(), Optional.empty(), images));
    }

    private List<ImageEmbedding> embeddings(StoredEmbeddings stored) {
        int decoders = model.decoders().size();
        return stored.images().stream()
                .map(image -> ImageEmbedding.withoutResiduals(image.siglip2(), image.dinov3(), decoders))
                .toList();
    }

    private static <T> CompletableFuture<List<T>> join(List<CompletableFuture<T>> futures) {
        return CompletableFuture.allOf(futures.toArray(new CompletableFuture<?>[0]))
                .thenApply(
                        ignored -> futures.stream().map(CompletableFuture::join).toList());
    }

    /** What waits to be read or decoded is not. */
    @Override
    public void close() {
        closed = true;
    }

    private void requireOpen() {
        if (closed) {
            throw new CancellationException("the task has ended");
        }
    }

    private ImageWork readAndHash(String uri) {
        requireOpen();
        long start = System.nanoTime();
        try {
            byte[] bytes = source.read(uri);
            ImageWork work = ImageWork.read(uri, Hashes.sha256(bytes), bytes, seconds(start));
            return bytes.length <= KEPT_BYTES ? work : work.withoutBytes();
        } catch (IOException | RuntimeException e) {
            return ImageWork.failed(uri, Failure.ofImage(uri, e));
        } catch (OutOfMemoryError e) {
            return ImageWork.failed(
                    uri, new Failure(ErrorClass.IMAGE_TOO_LARGE, uri + ": it does not fit into memory"));
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
            Decoded decoded =
                    SharedDecoder.get().decode(bytes, assignment.limits().maxPixels(), ImageToLora.cropSizes(model));
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

    /** What came of these image bytes, checkpoints and options before, unless it is to be tried again. */
    private Optional<Receipt> receipt(Style style, String fingerprint) {
        return output.settled(style.id(), fingerprint).filter(receipt -> receipt.lora() != null || isFinal(receipt));
    }

    private boolean isFinal(Receipt failed) {
        return assignment.lasting().contains(failed.failure().errorClass().kind())
                && assignment.limits().text().equals(failed.limits());
    }

    /** The facts of images that were not embedded. */
    static List<ImageFacts> facts(List<ImageWork> images) {
        List<ImageFacts> facts = new ArrayList<>();
        for (ImageWork image : images) {
            facts.add(new ImageFacts(image.sha256(), image.width(), image.height(), image.failure(), null, null));
        }
        return facts;
    }
}
