package org.i2lspark.encoder;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.safetensors.TensorLayout;
import org.i2lspark.safetensors.TensorShapes;

/**
 * The sizes of a SigLIP2 vision tower.
 *
 * @param imageSize side in pixels of the square that it sees
 * @param epsilon of the layer norms
 */
public record SigLip2Config(
        int hiddenSize, int intermediateSize, int layers, int heads, int imageSize, int patchSize, double epsilon) {

    /** SigLIP2-G384, as released. */
    public static final SigLip2Config RELEASED = new SigLip2Config(1536, 6144, 40, 16, 384, 16, 1e-6);

    /** Reads a Hugging Face {@code config.json} of type {@code siglip_vision_model}. */
    public static SigLip2Config read(Path path) throws IOException {
        HuggingFaceConfig config = HuggingFaceConfig.read(path);
        config.require("model_type", "siglip_vision_model");
        config.require("hidden_act", "gelu_pytorch_tanh");
        SigLip2Config sizes = new SigLip2Config(
                config.positive("hidden_size"),
                config.positive("intermediate_size"),
                config.positive("num_hidden_layers"),
                config.positive("num_attention_heads"),
                config.positive("image_size"),
                config.positive("patch_size"),
                config.number("layer_norm_eps", 1e-6));
        if (sizes.hiddenSize % sizes.heads != 0) {
            throw config.invalid("hidden_size", "a multiple of num_attention_heads, " + sizes.heads);
        }
        return sizes;
    }

    /** The {@code config.json} that {@link #read} reads. */
    public String toJson() {
        return """
                {"model_type": "siglip_vision_model", "hidden_act": "gelu_pytorch_tanh", "hidden_size": %d,
                 "intermediate_size": %d, "num_hidden_layers": %d, "num_attention_heads": %d, "image_size": %d,
                 "patch_size": %d, "layer_norm_eps": %s}
                """.formatted(hiddenSize, intermediateSize, layers, heads, imageSize, patchSize, epsilon);
    }

    /** What a checkpoint of these sizes holds. */
    public TensorLayout layout() {
        return TensorLayout.of(weights());
    }

    /** Names and shapes of the weights, in the order in which the graph takes them. */
    Map<String, List<Long>> weights() {
        long hidden = hiddenSize;
        long intermediate = intermediateSize;
        long patch = patchSize;
        long positions = (long) (imageSize / patchSize) * (imageSize / patchSize);
        Map<String, List<Long>> weights = new LinkedHashMap<>();
        weights.put("embeddings.patch_embedding.weight", List.of(hidden, 3L, patch, patch));
        weights.put("embeddings.patch_embedding.bias", List.of(hidden));
        weights.put("embeddings.position_embedding.weight", List.of(positions, hidden));
        for (int i = 0; i < layers; i++) {
            String layer = "encoder.layers." + i + ".";
            TensorShapes.putPair(weights, layer + "layer_norm1", List.of(hidden));
            TensorShapes.putPair(weights, layer + "self_attn.k_proj", List.of(hidden, hidden));
            TensorShapes.putPair(weights, layer + "self_attn.v_proj", List.of(hidden, hidden));
            TensorShapes.putPair(weights, layer + "self_attn.q_proj", List.of(hidden, hidden));
            TensorShapes.putPair(weights, layer + "self_attn.out_proj", List.of(hidden, hidden));
            TensorShapes.putPair(weights, layer + "layer_norm2", List.of(hidden));
            TensorShapes.putPair(weights, layer + "mlp.fc1", List.of(intermediate, hidden));
            TensorShapes.putPair(weights, layer + "mlp.fc2", List.of(hidden, intermediate));
        }
        TensorShapes.putPair(weights, "post_layernorm", List.of(hidden));
        weights.put("head.probe", List.of(1L, 1L, hidden));
        weights.put("head.attention.in_proj_weight", List.of(3 * hidden, hidden));
        weights.put("head.attention.in_proj_bias", List.of(3 * hidden));
        TensorShapes.putPair(weights, "head.attention.out_proj", List.of(hidden, hidden));
        TensorShapes.putPair(weights, "head.layernorm", List.of(hidden));
        TensorShapes.putPair(weights, "head.mlp.fc1", List.of(intermediate, hidden));
        TensorShapes.putPair(weights, "head.mlp.fc2", List.of(hidden, intermediate));
        return weights;
    }

    /** How many numbers the weights are. */
    public long parameters() {
        return TensorShapes.elements(weights());
    }

    /** How many numbers there are at most, beside the weights, while an image is encoded. */
    public long workElements() {
        long patches = (long) (imageSize / patchSize) * (imageSize / patchSize);
        return patches * (2L * intermediateSize + 8L * hiddenSize);
    }
}
