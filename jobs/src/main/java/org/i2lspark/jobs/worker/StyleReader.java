package org.i2lspark.jobs.worker;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.stream.IntStream;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.jobs.catalog.StoredEmbeddings;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.ImageFacts;
import org.i2lspark.jobs.output.Output;
import org.i2lspark.jobs.output.Receipt;
import org.i2lspark.jobs.storage.ImageSource;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.I2lModel;

/** Reads the images of styles, finds out which styles need no more work, and decodes the images of the others. */
final class StyleReader implements AutoCloseable {
    private final Assignment assignment;
    private final Output output;
    private final I2lModel model;
    private final ImageReader images;
    private final Executor readers;

    StyleReader(
            Assignment assignment,
            Storage storage,
            Output output,
            I2lModel model,
            Executor readers,
            Executor decoders) {
        this.assignment = assignment;
        this.output = output;
        this.model = model;
        this.images = new ImageReader(
                new ImageSource(storage, assignment.rules()), assignment.limits(), model, readers, decoders);
        this.readers = readers;
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
        List<StyleImage> named =
                style.images().stream().<StyleImage>map(StyleImage.At::new).toList();
        return images.read(named).thenApplyAsync(read -> identify(style, read), readers);
    }

    private List<ImageWork> stored(Style style) {
        images.requireOpen();
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
        return images.decode(read.images(), job)
                .thenApply(decoded -> new ReadStyle(read.style(), read.fingerprint(), Optional.empty(), decoded));
    }

    private List<ImageEmbedding> embeddings(StoredEmbeddings stored) {
        int decoders = model.decoders().size();
        return stored.images().stream()
                .map(image -> ImageEmbedding.withoutResiduals(image.siglip2(), image.dinov3(), decoders))
                .toList();
    }

    /** What waits to be read or decoded is not. */
    @Override
    public void close() {
        images.close();
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
