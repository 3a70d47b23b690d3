package org.i2lspark.jobs.worker;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.List;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.storage.Hashes;

/** What a LoRA follows from, as a hash: equal fingerprints mean that nothing need be computed again. */
public final class Fingerprints {
    private Fingerprints() {}

    /**
     * Hash of a style's image bytes in order, the checkpoints and what else shapes the LoRA.
     *
     * @param imageHashes SHA-256 of each image file, in hex
     */
    static String ofStyle(List<String> imageHashes, WorkOrder order, LoraForm form) {
        MessageDigest digest = Hashes.sha256();
        update(digest, "i2l 1");
        update(digest, order.stack().variantText());
        update(digest, order.stack().precision().name());
        if (order.stack().positionsMatter()) {
            update(digest, order.stack().imagePositions().name());
        }
        update(digest, form.type().name());
        update(digest, form.keyFormat().name());
        update(digest, "rank " + form.rank());
        order.allCheckpoints().forEach((title, fingerprint) -> update(digest, title + "=" + fingerprint));
        if (order.embeddings() != null
                && order.embeddings().precision() != order.stack().precision()) {
            update(digest, "embedded in " + order.embeddings().precision().name());
        }
        imageHashes.forEach(hash -> update(digest, hash));
        return Hashes.hex(digest);
    }

    private static void update(MessageDigest digest, String text) {
        digest.update(text.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
    }
}
