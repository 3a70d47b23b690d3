package org.i2lspark.djl;

import ai.djl.modality.Output;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.PreparedImage;
import org.i2lspark.lora.Lora;

/** Styles whose images are decoded; in the place of one that cannot be used there is none, and null comes of it. */
final class StyleBatch {
    private final StackRunner runner;
    private final List<Optional<Style>> styles;

    /**
     * The images of an input.
     *
     * @param hashes SHA-256 of each image file, in hex; empty if the images are no files
     */
    record Style(List<PreparedImage> images, List<String> hashes) {}

    StyleBatch(StackRunner runner, List<Optional<Style>> styles) {
        this.runner = runner;
        this.styles = styles;
    }

    /** The embedding of each style's first image. */
    List<float[]> embeddings() {
        return inPlace(embed().stream()
                .map(style -> runner.arguments().embedding().of(style.get(0)))
                .toList());
    }

    /** The safetensors file of each style's LoRA. */
    List<byte[]> loras() {
        List<Style> usable = usable();
        List<List<ImageEmbedding>> embeddings = embed();
        List<byte[]> files = new ArrayList<>();
        int first = 0;
        while (first < usable.size()) {
            int end = first + 1;
            int images = usable.get(first).images().size();
            while (end < usable.size() && images + usable.get(end).images().size() <= runner.batchSize()) {
                images += usable.get(end).images().size();
                end++;
            }
            files.addAll(loras(usable.subList(first, end), embeddings.subList(first, end)));
            first = end;
        }
        return inPlace(files);
    }

    /** LoRAs as DJL Serving answers with them. */
    List<Output> responses() {
        return loras().stream()
                .map(lora -> {
                    Output output = new Output();
                    output.addProperty("Content-Type", "application/octet-stream");
                    output.add(lora);
                    return output;
                })
                .toList();
    }

    private List<Style> usable() {
        return styles.stream().flatMap(Optional::stream).toList();
    }

    private <T> List<T> inPlace(List<T> results) {
        Iterator<T> next = results.iterator();
        List<T> all = new ArrayList<>();
        styles.forEach(style -> all.add(style.isPresent() ? next.next() : null));
        return all;
    }

    /** Batches fill across styles. */
    private List<List<ImageEmbedding>> embed() {
        List<PreparedImage> images =
                usable().stream().flatMap(style -> style.images().stream()).toList();
        List<ImageEmbedding> embedded = new ArrayList<>();
        for (int first = 0; first < images.size(); first += runner.batchSize()) {
            int end = Math.min(first + runner.batchSize(), images.size());
            embedded.addAll(runner.stack().embed(images.subList(first, end)));
        }
        Iterator<ImageEmbedding> next = embedded.iterator();
        return usable().stream()
                .map(style -> style.images().stream().map(image -> next.next()).toList())
                .toList();
    }

    private List<byte[]> loras(List<Style> batch, List<List<ImageEmbedding>> embeddings) {
        List<Lora> decoded = runner.stack()
                .decode(
                        embeddings,
                        runner.arguments().loraType(),
                        runner.arguments().rank());
        try {
            List<byte[]> files = new ArrayList<>();
            for (int i = 0; i < batch.size(); i++) {
                files.add(file(decoded.get(i), batch.get(i)));
            }
            return files;
        } finally {
            decoded.forEach(Lora::close);
        }
    }

    private byte[] file(Lora lora, Style style) {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        try {
            lora.write(
                    Channels.newChannel(file),
                    runner.arguments().keyFormat(),
                    runner.metadata().of(lora, Optional.empty(), style.images().size(), style.hashes()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return file.toByteArray();
    }
}
