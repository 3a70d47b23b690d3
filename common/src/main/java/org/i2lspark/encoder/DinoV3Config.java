package org.i2lspark.encoder;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.safetensors.TensorLayout;
import org.i2lspark.safetensors.TensorShapes;

/**
 * The sizes of a DINOv3 vision transformer with gated MLP.
 *
 * @param registers register tokens between the CLS token and the patches
 * @param imageSize side in pixels of the square that it sees
 * @param ropeTheta base of the rotary frequencies
 * @param epsilon of the layer norms
 */
public record DinoV3Config(
        int hiddenSize,
        int intermediateSize,
        int layers,
        int heads,
        int registers,
        int imageSize,
        int patchSize,
        double ropeTheta,
        double epsilon) {

    /** DINOv3-7B, as released. */
    public static final DinoV3Config RELEASED = new DinoV3Config(4096, 8192, 40, 32, 4, 224, 16, 100, 1e-5);

    /** Reads a Hugging Face {@code config.json} of type {@code dinov3_vit}. */
    public static DinoV3Config read(Path path) throws IOException {
        HuggingFaceConfig config = HuggingFaceConfig.read(path);
        config.require("model_type", "dinov3_vit");
        config.require("hidden_act", "silu");
        config.require("use_gated_mlp", true);
        config.require("query_bias", false);
        config.require("key_bias", false);
        config.require("value_bias", false);
        config.require("proj_bias", true);
        config.require("mlp_bias", true);
        DinoV3Config sizes = new DinoV3Config(
                config.positive("hidden_size"),
                config.positive("intermediate_size"),
                config.positive("num_hidden_layers"),
                config.positive("num_attention_heads"),
                config.positive("num_register_tokens"),
                config.positive("image_size", 224),
                config.positive("patch_size"),
                config.number("rope_theta", 100),
                config.number("layer_norm_eps", 1e-5));
        if (sizes.hiddenSize % (4 * sizes.heads) != 0) {
            throw config.invalid("hidden_size", "a multiple of 4 * num_attention_heads, " + 4 * sizes.heads);
        }
        return sizes;
    }

    /** The {@code config.json} that {@link #read} reads. */
    public String toJson() {
        return """
                {"model_type": "dinov3_vit", "hidden_act": "silu", "use_gated_mlp": true, "query_bias": false,
                 "key_bias": false, "value_bias": false, "proj_bias": true, "mlp_bias": true, "hidden_size": %d,
                 "intermediate_size": %d, "num_hidden_layers": %d, "num_attention_heads": %d,
                 "num_register_tokens": %d, "image_size": %d, "patch_size": %d, "rope_theta": %s, "layer_norm_eps": %s}
                """.formatted(
                hiddenSize, intermediateSize, layers, heads, registers, imageSize, patchSize, ropeTheta, epsilon);
    }

    /** What a checkpoint of these sizes holds. The mask token is there but serves training only. */
    public TensorLayout layout() {
        Map<String, List<Long>> all = weights();
        all.put("embeddings.mask_token", List.of(1L, 1L, (long) hiddenSize));
        return TensorLayout.of(all);
    }

    /** How many numbers the weights are. */
    public long parameters() {
        return TensorShapes.elements(weights());
    }

    /** How many numbers there are at most, beside the weights, while an image is encoded. */
    public long workElements() {
        long tokens = 1L + registers + (long) (imageSize / patchSize) * (imageSize / patchSize);
        return tokens * (3L * intermediateSize + 8L * hiddenSize);
    }

    /** Names and shapes of the weights, in the order in which the graph takes them. */
    Map<String, List<Long>> weights() {
        long hidden = hiddenSize;
        long intermediate = intermediateSize;
        long patch = patchSize;
        Map<String, List<Long>> weights = new LinkedHashMap<>();
        weights.put("embeddings.cls_token", List.of(1L, 1L, hidden));
        weights.put("embeddings.register_tokens", List.of(1L, (long) registers, hidden));
        TensorShapes.putPair(weights, "embeddings.patch_embeddings", List.of(hidden, 3L, patch, patch));
        for (int i = 0; i < layers; i++) {
            String layer = "layer." + i + ".";
            TensorShapes.putPair(weights, layer + "norm1", List.of(hidden));
            weights.put(layer + "attention.k_proj.weight", List.of(hidden, hidden));
            weights.put(layer + "attention.v_proj.weight", List.of(hidden, hidden));
            weights.put(layer + "attention.q_proj.weight", List.of(hidden, hidden));
            TensorShapes.putPair(weights, layer + "attention.o_proj", List.of(hidden, hidden));
            weights.put(layer + "layer_scale1.lambda1", List.of(hidden));
            TensorShapes.putPair(weights, layer + "norm2", List.of(hidden));
            TensorShapes.putPair(weights, layer + "mlp.gate_proj", List.of(intermediate, hidden));
            TensorShapes.putPair(weights, layer + "mlp.up_proj", List.of(intermediate, hidden));
            TensorShapes.putPair(weights, layer + "mlp.down_proj", List.of(hidden, intermediate));
            weights.put(layer + "layer_scale2.lambda1", List.of(hidden));
        }
        TensorShapes.putPair(weights, "norm", List.of(hidden));
        return weights;
    }
}
