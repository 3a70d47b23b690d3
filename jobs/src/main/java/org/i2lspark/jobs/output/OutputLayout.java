package org.i2lspark.jobs.output;

import java.nio.charset.StandardCharsets;
import org.apache.hadoop.fs.Path;

/**
 * Where things lie in an output: {@code loras/}, {@code manifest/}, and below {@code _i2l/} what only this software reads:
 * a receipt for each LoRA, and a folder for each run on its way.
 */
public final class OutputLayout {
    private static final int SHOWN_CHARACTERS = 16;
    private static final int MAX_SEGMENT_BYTES = 160;
    private static final String LORA = ".safetensors";
    private static final String RECEIPT = ".json";

    private final Path output;

    public OutputLayout(String output) {
        this.output = new Path(output);
    }

    public Path output() {
        return output;
    }

    public Path loras() {
        return new Path(output, "loras");
    }

    public Path receipts() {
        return new Path(output, "_i2l/receipts");
    }

    /** Parent of the folders of runs that have not ended. */
    public Path runs() {
        return new Path(output, "_i2l/runs");
    }

    /** Where a run keeps what is not complete. */
    public Path run(String runId) {
        return new Path(runs(), runId);
    }

    /** A style's LoRA: the name follows from what the LoRA follows from. */
    public Path lora(String styleId, String fingerprint) {
        return new Path(loras(), objectKey(styleId, fingerprint) + LORA);
    }

    public Path receipt(String styleId, String fingerprint) {
        return new Path(receipts(), objectKey(styleId, fingerprint) + RECEIPT);
    }

    /** The receipt that belongs to a LoRA's path relative to {@link #loras()}. */
    public Path receiptOf(String relativeLora) {
        return new Path(receipts(), relativeLora.substring(0, relativeLora.length() - LORA.length()) + RECEIPT);
    }

    /** The LoRA that belongs to a receipt's path relative to {@link #receipts()}. */
    public Path loraOf(String relativeReceipt) {
        return new Path(loras(), relativeReceipt.substring(0, relativeReceipt.length() - RECEIPT.length()) + LORA);
    }

    /** A name for a style's files: no style id can lead out of their folder. */
    static String objectKey(String styleId, String fingerprint) {
        StringBuilder key = new StringBuilder();
        for (String segment : styleId.split("/", -1)) {
            String safe = segment.replaceAll("[^\\p{L}\\p{N} ._-]", "_").replaceFirst("^\\.", "_");
            if (!safe.isBlank()) {
                key.append(key.isEmpty() ? "" : "/").append(shorten(safe));
            }
        }
        return "%s-%s".formatted(key.isEmpty() ? "style" : key, fingerprint.substring(0, SHOWN_CHARACTERS));
    }

    private static String shorten(String segment) {
        String text = segment;
        while (text.getBytes(StandardCharsets.UTF_8).length > MAX_SEGMENT_BYTES) {
            text = text.substring(0, text.offsetByCodePoints(text.length(), -1));
        }
        return text;
    }
}
