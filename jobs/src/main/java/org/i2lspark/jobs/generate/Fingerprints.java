package org.i2lspark.jobs.generate;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.i2lspark.model.Checkpoint;
import org.i2lspark.model.I2lModel;

/** What a LoRA follows from, as a hash: equal fingerprints mean that nothing need be computed again. */
public final class Fingerprints {
    private static final int SHOWN_CHARACTERS = 16;
    private static final int MAX_SEGMENT_BYTES = 160;

    private Fingerprints() {}

    /**
     * Hash of a style's image bytes in order, the checkpoints and the options that shape the LoRA.
     *
     * @param imageHashes SHA-256 of each image file, in hex
     */
    static String ofStyle(List<String> imageHashes, I2lModel model, GenerateOptions options, Stack stack) {
        MessageDigest digest = sha256();
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
        return HexFormat.of().formatHex(digest.digest());
    }

    /** For each checkpoint {@code layout fingerprint:content fingerprint}. */
    public static Map<String, String> checkpoints(I2lModel model) {
        return new TreeMap<>(model.checkpoints().entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, entry -> text(entry.getValue()))));
    }

    private static String text(Checkpoint checkpoint) {
        return checkpoint.layoutFingerprint() + ":" + checkpoint.contentFingerprint();
    }

    /** Where a style's LoRA lies below {@code OUTPUT/loras/}: no style id can lead out of there. */
    static String objectKey(String styleId, String fingerprint) {
        StringBuilder key = new StringBuilder();
        for (String segment : styleId.split("/", -1)) {
            String safe = segment.replaceAll("[^\\p{L}\\p{N} ._-]", "_").replaceFirst("^\\.", "_");
            if (!safe.isEmpty()) {
                key.append(key.isEmpty() ? "" : "/").append(shorten(safe));
            }
        }
        return "%s-%s.safetensors".formatted(key.isEmpty() ? "style" : key, fingerprint.substring(0, SHOWN_CHARACTERS));
    }

    private static String shorten(String segment) {
        String text = segment;
        while (text.getBytes(StandardCharsets.UTF_8).length > MAX_SEGMENT_BYTES) {
            text = text.substring(0, text.offsetByCodePoints(text.length(), -1));
        }
        return text;
    }

    /** SHA-256 of an image file. */
    public static String sha256(byte[] bytes) {
        return HexFormat.of().formatHex(sha256().digest(bytes));
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void update(MessageDigest digest, String text) {
        digest.update(text.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
    }
}
