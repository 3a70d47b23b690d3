package org.i2lspark.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.i2lspark.safetensors.SafetensorsFile;
import org.i2lspark.safetensors.ShardedSafetensors;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.safetensors.TensorLayout;
import org.i2lspark.safetensors.TensorStore;

/**
 * A checkpoint file as far as its header tells; no weights are loaded.
 *
 * @param path of the safetensors file, or of the index of one in shards
 * @param layoutFingerprint of names and shapes, see {@link TensorLayout#fingerprint()}
 * @param contentFingerprint of names, shapes, types and a sample of the weights, so that two checkpoints of one layout
 *     are told apart without reading gigabytes
 * @param origin of the weights
 */
public record Checkpoint(Path path, String layoutFingerprint, String contentFingerprint, Origin origin) {
    /** Where weights come from. */
    public enum Origin {
        FILE,
        /** Made up when they are read, as {@link SampleModels#writeReleasedSizes} has it. */
        MADE_UP
    }

    /** Behind the name of the whole, this names the file that ties a checkpoint in shards together. */
    private static final String INDEX_SUFFIX = ".index.json";

    private static final int SAMPLED_TENSORS = 256;
    private static final int SAMPLE_BYTES = 1024;

    /**
     * Reads the header of a checkpoint.
     *
     * @throws NoSuchFileException saying what is missing and how to get it
     */
    static Checkpoint inspect(Path path) throws IOException {
        try (TensorStore store = open(path)) {
            return new Checkpoint(
                    path,
                    TensorLayout.of(store).fingerprint(),
                    contentFingerprint(store),
                    store instanceof MadeUpWeights ? Origin.MADE_UP : Origin.FILE);
        }
    }

    /** Of each of these, {@code layout fingerprint:content fingerprint}. */
    static Map<String, String> fingerprints(Map<String, Checkpoint> checkpoints) {
        Map<String, String> all = new TreeMap<>();
        checkpoints.forEach((title, checkpoint) ->
                all.put(title, checkpoint.layoutFingerprint + ":" + checkpoint.contentFingerprint));
        return all;
    }

    /** Opens the file for reading tensors. */
    public TensorStore open() throws IOException {
        return open(path);
    }

    private static TensorStore open(Path path) throws IOException {
        if (!Files.isRegularFile(path)) {
            throw new NoSuchFileException(
                    path.toString(),
                    null,
                    "checkpoint missing; the model folder must mirror the hub's folders, see 'Real checkpoints' in README.md");
        }
        if (path.toString().endsWith(INDEX_SUFFIX)) {
            return ShardedSafetensors.open(path);
        }
        SafetensorsFile file = SafetensorsFile.open(path);
        return MadeUpWeights.areIn(file) ? new MadeUpWeights(file) : file;
    }

    /** The index of a checkpoint in shards, or the one file where that is there and the index is not. */
    static Path wholeOrIndex(Path whole) {
        Path index = whole.resolveSibling(whole.getFileName() + INDEX_SUFFIX);
        return Files.exists(whole) && !Files.exists(index) ? whole : index;
    }

    /** For a person, what kind of weights these are. */
    String kind() {
        if (origin == Origin.MADE_UP) {
            return "made-up weights";
        }
        return released().isPresent() ? "released" : "not the released size";
    }

    /** Which released checkpoint has this layout, if one does. */
    public Optional<ReleasedCheckpoint> released() {
        return ReleasedCheckpoint.ofFingerprint(layoutFingerprint);
    }

    /** Refuses a checkpoint that is a released one of another kind, by name. */
    void requireNotAnother(ReleasedCheckpoint expected) throws IOException {
        Optional<ReleasedCheckpoint> released = released();
        if (released.isPresent() && released.get() != expected) {
            throw new IOException("Cannot use %s: its layout is that of %s, expected %s"
                    .formatted(path, released.get().title(), expected.title()));
        }
    }

    private static String contentFingerprint(TensorStore store) throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
        List<TensorInfo> tensors = List.copyOf(store.tensors().values());
        for (TensorInfo tensor : tensors) {
            String line = "%s %s %s\n".formatted(tensor.name(), tensor.dtype(), tensor.shapeText());
            digest.update(line.getBytes(StandardCharsets.UTF_8));
        }
        int step = Math.max(1, tensors.size() / SAMPLED_TENSORS);
        for (int i = 0; i < tensors.size(); i += step) {
            TensorInfo tensor = tensors.get(i);
            ByteBuffer sample = ByteBuffer.allocate((int) Math.min(SAMPLE_BYTES, tensor.byteSize()));
            store.read(tensor.name(), (tensor.byteSize() - sample.capacity()) / 2, sample);
            digest.update(sample.flip());
        }
        return HexFormat.of().formatHex(digest.digest()).substring(0, 32);
    }
}
