package org.i2lspark.jobs.worker;

import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.Map;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.options.PictureSettings;
import org.i2lspark.jobs.options.PreviewSpec;
import org.i2lspark.jobs.storage.Hashes;

/**
 * What the tasks of a run of previews are told: all of it is settled.
 *
 * @param output URI of the output, with scheme
 */
public record PreviewAssignment(String runId, String output, PictureOrder order, PreviewSpec spec)
        implements Serializable {
    /** Names and values, as the manifest shows them beside prompt and seed. */
    Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>(spec.settings());
        settings.put("precision", GenerateOptions.lower(order.stack().precision()));
        if (order.distilledSha256() != null) {
            settings.put("distilled_sha256", order.distilledSha256());
        }
        return settings;
    }

    /** Hash of all that a picture follows from: equal fingerprints mean that it need not be made again. */
    String fingerprint(PreviewStyle style, String prompt) {
        MessageDigest digest = Hashes.sha256();
        update(digest, "i2l preview 1");
        update(digest, style.hasLora() ? style.loraSha256() : "");
        update(digest, style.hasLora() ? PictureSettings.number(spec.strength()) : "");
        update(digest, order.distilledSha256() == null ? "" : order.distilledSha256());
        update(digest, prompt);
        update(digest, spec.picture().isGuided() ? spec.negativePrompt() : "");
        update(digest, String.valueOf(spec.seed()));
        spec.picture().facts().forEach((name, value) -> update(digest, name + "=" + value));
        update(digest, order.stack().precision().name());
        for (Map.Entry<String, String> checkpoint : order.checkpoints().entrySet()) {
            update(digest, checkpoint.getKey() + "=" + checkpoint.getValue());
        }
        return Hashes.hex(digest);
    }

    private static void update(MessageDigest digest, String text) {
        digest.update(text.getBytes(StandardCharsets.UTF_8));
        digest.update((byte) 0);
    }
}
