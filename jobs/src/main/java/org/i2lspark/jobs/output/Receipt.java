package org.i2lspark.jobs.output;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.apache.hadoop.fs.FileStatus;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.Storage;

/**
 * What came of a style: kept beside its LoRA as soon as that is durable, so that no attempt, run or restart makes it again,
 * whether or not the run that made it ever committed its manifest.
 *
 * @param runId the run that made it
 * @param recordedBy the run whose manifest rows carry the embeddings: the one that made it, an earlier one whose embeddings it
 *     decoded, or a later one where that never committed
 * @param lora null when the style failed
 * @param stamp by which the store knows the LoRA's very bytes, see {@link Output}; null when it is not known
 * @param failure null when it did not
 * @param limits that images were held to; a style that failed is tried again when they change
 */
public record Receipt(
        String runId,
        String recordedBy,
        FinishedLora lora,
        String stamp,
        Failure failure,
        String limits,
        List<ImageFacts> images) {
    private static final JsonMapper JSON = new JsonMapper();
    private static final long MAX_BYTES = 256 << 20;
    private static final int VERSION = 2;

    /** Before there was a checksum. */
    private static final int VERSION_WITHOUT_CHECKSUM = 1;

    private static final byte[] CHECKSUM = bytes("{\"sha256\":\"");
    private static final byte[] CONTENT = bytes("\",\"receipt\":");
    private static final byte[] END = bytes("}");
    private static final int CHECKSUM_CHARACTERS = 64;

    public Receipt {
        images = List.copyOf(images);
    }

    /** Of a LoRA that was made just now. */
    public static Receipt ofLora(
            String runId, FinishedLora lora, String stamp, String limits, List<ImageFacts> images) {
        return new Receipt(runId, runId, lora, stamp, null, limits, images);
    }

    /** Of a style that failed just now. */
    public static Receipt ofFailure(String runId, Failure failure, String limits, List<ImageFacts> images) {
        return new Receipt(runId, runId, null, null, failure, limits, images);
    }

    public byte[] toJson() throws IOException {
        ObjectNode root = JSON.createObjectNode()
                .put("version", VERSION)
                .put("run_id", runId)
                .put("recorded_by", recordedBy)
                .put("limits", limits)
                .put("stamp", stamp);
        if (lora != null) {
            root.putObject("lora")
                    .put("fingerprint", lora.fingerprint())
                    .put("bytes", lora.bytes())
                    .put("sha256", lora.sha256())
                    .put("rank", lora.rank())
                    .put("reduction_error", lora.reductionError());
        }
        putFailure(root, failure);
        ArrayNode array = root.putArray("images");
        for (ImageFacts image : images) {
            ObjectNode node = array.addObject()
                    .put("sha256", image.sha256())
                    .put("width", image.width())
                    .put("height", image.height())
                    .put("siglip2", encode(image.siglip2()))
                    .put("dinov3", encode(image.dinov3()));
            putFailure(node, image.failure());
        }
        return withChecksum(JSON.writeValueAsBytes(root));
    }

    /** A receipt decides what is never made again, so a damaged one must not pass for a whole one. */
    private static byte[] withChecksum(byte[] content) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(CHECKSUM);
        out.writeBytes(bytes(Hashes.sha256(content)));
        out.writeBytes(CONTENT);
        out.writeBytes(content);
        out.writeBytes(END);
        return out.toByteArray();
    }

    private static byte[] content(byte[] json) throws IOException {
        int start = CHECKSUM.length + CHECKSUM_CHARACTERS + CONTENT.length;
        if (json.length < start + END.length || !Arrays.equals(CHECKSUM, Arrays.copyOf(json, CHECKSUM.length))) {
            return json;
        }
        byte[] content = Arrays.copyOfRange(json, start, json.length - END.length);
        if (!Arrays.equals(json, withChecksum(content))) {
            throw new IOException("Invalid receipt: it is not what was written (its SHA-256 differs)");
        }
        return content;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** The same, of a LoRA of which the bytes were found unchanged under another stamp. */
    Receipt withStamp(String newStamp) {
        return new Receipt(runId, recordedBy, lora, newStamp, failure, limits, images);
    }

    /** The same, of a LoRA whose embeddings another run's rows are to carry. */
    public Receipt recordedBy(String run) {
        return new Receipt(runId, run, lora, stamp, failure, limits, images);
    }

    /**
     * Reads a receipt from its file.
     *
     * @param path of the LoRA, relative to the output
     * @throws IOException if it cannot be read, is none, is damaged, or of another version
     */
    static Receipt read(Storage storage, FileStatus file, String path) throws IOException {
        return ofJson(storage.readAll(file, MAX_BYTES), path);
    }

    /**
     * Reads a receipt back.
     *
     * @param path of the LoRA, relative to the output
     * @throws IOException if it is none, if it is damaged, or of another version
     */
    public static Receipt ofJson(byte[] json, String path) throws IOException {
        byte[] content = content(json);
        JsonNode root = JSON.readTree(content);
        int version = root.path("version").asInt();
        boolean known = content == json ? version == VERSION_WITHOUT_CHECKSUM : version == VERSION;
        if (!known) {
            throw new IOException("Invalid receipt: version %s (expected %d)".formatted(root.path("version"), VERSION));
        }
        JsonNode lora = root.get("lora");
        FinishedLora finished = lora == null
                ? null
                : new FinishedLora(
                        lora.path("fingerprint").asText(),
                        path,
                        lora.path("bytes").asLong(),
                        lora.path("sha256").asText(),
                        lora.path("rank").asInt(),
                        lora.path("reduction_error").isNumber()
                                ? lora.get("reduction_error").asDouble()
                                : null);
        List<ImageFacts> images = new ArrayList<>();
        for (JsonNode image : root.path("images")) {
            images.add(new ImageFacts(
                    text(image.get("sha256")),
                    image.path("width").asInt(),
                    image.path("height").asInt(),
                    failure(image),
                    decode(text(image.get("siglip2"))),
                    decode(text(image.get("dinov3")))));
        }
        String runId = root.path("run_id").asText();
        return new Receipt(
                runId,
                root.path("recorded_by").asText(runId),
                finished,
                text(root.get("stamp")),
                failure(root),
                root.path("limits").asText(),
                images);
    }

    private static void putFailure(ObjectNode node, Failure failure) {
        if (failure != null) {
            node.putObject("failure").put("class", failure.errorClass().name()).put("message", failure.message());
        }
    }

    private static Failure failure(JsonNode node) {
        JsonNode failure = node.get("failure");
        return failure == null
                ? null
                : new Failure(
                        ErrorClass.valueOf(failure.path("class").asText()),
                        failure.path("message").asText());
    }

    private static String text(JsonNode node) {
        return node == null || node.isNull() ? null : node.asText();
    }

    private static String encode(float[] values) {
        if (values == null) {
            return null;
        }
        ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return Base64.getEncoder().encodeToString(bytes.array());
    }

    private static float[] decode(String base64) {
        if (base64 == null) {
            return null;
        }
        ByteBuffer bytes = ByteBuffer.wrap(Base64.getDecoder().decode(base64)).order(ByteOrder.LITTLE_ENDIAN);
        float[] values = new float[bytes.remaining() / Float.BYTES];
        bytes.asFloatBuffer().get(values);
        return values;
    }
}
