package org.i2lspark.jobs.output;

import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.Path;

/**
 * Where things lie in an output: {@code loras/}, {@code previews/}, {@code manifest/}, and below {@code _i2l/} what only this software reads:
 * a receipt for each LoRA, and a folder for each run on its way.
 */
public final class OutputLayout {
    private static final int SHOWN_CHARACTERS = 16;
    private static final Pattern LORA_NAME = Pattern.compile(".*-[0-9a-f]{16}\\.safetensors");
    private static final int MAX_SEGMENT_BYTES = 160;
    private static final Pattern PREVIEW_NAME = Pattern.compile(".*-[0-9a-f]{16}\\.png");
    private static final String LORAS = "loras";
    private static final String PREVIEWS = "previews";
    private static final String PREVIEW = ".png";
    /** For pictures of no style. */
    private static final String NO_STYLE = "_without_lora";

    private static final String RECEIPTS = "_i2l/receipts";
    private static final String LORA = ".safetensors";
    static final String RECEIPT = ".json";

    private final Path output;

    public OutputLayout(String output) {
        this.output = new Path(output);
    }

    public Path output() {
        return output;
    }

    public Path loras() {
        return new Path(output, LORAS);
    }

    public Path previews() {
        return new Path(output, PREVIEWS);
    }

    /**
     * A preview, relative to the output: a folder for each style, in it a file for each prompt.
     *
     * @param styleId null for a picture of no style
     */
    String relativePreview(String styleId, String prompt, String fingerprint) {
        String name = prompt.replaceAll("[/\\s]+", " ").strip();
        String folder = styleId == null ? NO_STYLE : styleId;
        return PREVIEWS + "/" + objectKey(folder + "/" + name, fingerprint) + PREVIEW;
    }

    public Path receipts() {
        return new Path(output, RECEIPTS);
    }

    /** What commits runs of which the manifest is damaged, set aside. */
    public Path damaged() {
        return new Path(output, "_i2l/damaged");
    }

    /** Parent of the folders of runs that have not ended. */
    public Path runs() {
        return new Path(output, "_i2l/runs");
    }

    /** Parent of the folders of those who are removing from the output, see {@link Upkeep}. */
    public Path upkeep() {
        return new Path(output, "_i2l/upkeep");
    }

    /** What is in force of a brand's styles. */
    public Path aliases(String brand) {
        return new Path(aliases(), safeName(brand) + ".json");
    }

    /** Parent of what is in force of brands. */
    public Path aliases() {
        return new Path(output, "aliases");
    }

    /** A small picture of an image, by the SHA-256 of the image's file. */
    public Path picture(String imageHash) {
        return new Path(output, "_i2l/pictures/" + imageHash + PREVIEW);
    }

    /** Where aliases are before they are complete. */
    public Path aliasScratch() {
        return new Path(output, "_i2l/aliases");
    }

    /** Where a run keeps what is not complete. */
    public Path run(String runId) {
        return new Path(runs(), runId);
    }

    /** A style's LoRA, relative to the output. */
    String relativeLora(String styleId, String fingerprint) {
        return LORAS + "/" + objectKey(styleId, fingerprint) + LORA;
    }

    /** A style's LoRA: the name follows from what the LoRA follows from. */
    public Path lora(String styleId, String fingerprint) {
        return new Path(loras(), objectKey(styleId, fingerprint) + LORA);
    }

    public Path receipt(String styleId, String fingerprint) {
        return new Path(receipts(), objectKey(styleId, fingerprint) + RECEIPT);
    }

    /** The receipt that belongs to a LoRA's path relative to the output. */
    Path receiptOf(String relativeLora) {
        String key = relativeLora.substring(LORAS.length() + 1, relativeLora.length() - LORA.length());
        return new Path(receipts(), key + RECEIPT);
    }

    /** What says that a LoRA, by its path relative to the output, was removed on purpose. */
    Path retirement(String relativeLora) {
        return new Path(retirements(), relativeLora.substring(LORAS.length() + 1));
    }

    Path retirements() {
        return new Path(output, "_i2l/retired");
    }

    /** The LoRA that a receipt belongs to; both relative to the output. */
    static String loraOf(String relativeReceipt) {
        String key = relativeReceipt.substring(RECEIPTS.length() + 1, relativeReceipt.length() - RECEIPT.length());
        return LORAS + "/" + key + LORA;
    }

    /** Whether a file's name is one that this software gives to LoRAs. */
    static boolean isNameOfLora(String name) {
        return LORA_NAME.matcher(name).matches();
    }

    /** Whether a path relative to the output is one of previews. */
    static boolean isPreview(String relative) {
        return relative.startsWith(PREVIEWS + "/");
    }

    /** Whether a file's name is one that this software gives to previews. */
    static boolean isNameOfPreview(String name) {
        return PREVIEW_NAME.matcher(name).matches();
    }

    /**
     * A path relative to the output.
     *
     * @throws IllegalArgumentException if the file does not lie in the output
     */
    String relative(Path file) {
        String root = output.toUri().getPath();
        String prefix = root.endsWith("/") ? root : root + "/";
        String path = file.toUri().getPath();
        if (!path.startsWith(prefix)) {
            throw new IllegalArgumentException(
                    "Cannot look after %s: its store lists %s, which does not lie there".formatted(output, file));
        }
        return path.substring(prefix.length());
    }

    /**
     * Where a LoRA lies relative to the output of which a row of an earlier version names the URI.
     *
     * @return null if the row is none that this software wrote
     */
    static String relativeOfUri(String styleId, String fingerprint, String uri) {
        if (styleId == null || fingerprint == null || uri == null) {
            return null;
        }
        String relative = LORAS + "/" + objectKey(styleId, fingerprint) + LORA;
        return uri.endsWith("/" + relative) ? relative : null;
    }

    /** A name for a style's files: no style id can lead out of their folder. */
    static String objectKey(String styleId, String fingerprint) {
        return "%s-%s".formatted(safeName(styleId), fingerprint.substring(0, SHOWN_CHARACTERS));
    }

    /** A relative path that follows from a style's id, or another name, and cannot lead out of its folder. */
    public static String safeName(String id) {
        StringBuilder key = new StringBuilder();
        for (String segment : id.split("/", -1)) {
            String safe = segment.replaceAll("[^\\p{L}\\p{N} ._-]", "_").replaceFirst("^\\.", "_");
            if (!safe.isBlank()) {
                key.append(key.isEmpty() ? "" : "/").append(shorten(safe));
            }
        }
        return key.isEmpty() ? "style" : key.toString();
    }

    private static String shorten(String segment) {
        String text = segment;
        while (text.getBytes(StandardCharsets.UTF_8).length > MAX_SEGMENT_BYTES) {
            text = text.substring(0, text.offsetByCodePoints(text.length(), -1));
        }
        return text;
    }
}
