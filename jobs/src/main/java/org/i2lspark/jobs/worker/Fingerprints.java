package org.i2lspark.jobs.worker;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.model.Checkpoint;
import org.i2lspark.model.I2lModel;

/** What a LoRA follows from, as a hash: equal fingerprints mean that nothing need be computed again. */
public final class Fingerprints {
    private Fingerprints() {}

    /**
     * Hash of a style's image bytes in order, the checkpoints and the options that shape the LoRA.
     *
     * @param imageHashes SHA-256 of each image file, in hex
     */
    static String ofStyle(List<String> imageHashes, I2lModel model, GenerateOptions options, Stack stack) {
        MessageDigest digest = Hashes.sha256();
        update(digest, "i2l 1");
        update(digest, options.variantText());
        update(digest, stack.precision().name());
        if (model.qwenVl().isPresent()) {
            update(digest, options.imagePositions().name());
        }
        update(digest, options.loraType().name());
        update(digest, options.keyFormat().name());
        update(digest, "rank " + options.rank());
        checkpoints(model).forEach((title, fingerprint) -> update(digest, title + "=" + fingerprint));
        imageHashes.forEach(hash -> update(digest, hash));
        return Hashes.hex(digest);
    }

    /** For each checkpoint {@code layout fingerprint:content fingerprint}. */
    public static Map<String, String> checkpoints(I2lModel model) {
        return new TreeMap<>(model.checkpoints().entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, entry -> text(entry.getValue()))));
    }

    private static String text(Checkpoint checkpoint) {
        return checkpoint.layoutFingerprint() + ":" + checkpoint.contentFingerprint();
    }

    private static void update(MessageDigest digest, String text) {
        digest.update(text.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
    }
}
