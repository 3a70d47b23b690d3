package org.i2lspark.encoder;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.i2lspark.safetensors.TensorLayout;
import org.i2lspark.safetensors.TensorShapes;

/**
 * The sizes of a Qwen2.5-VL model.
 *
 * @param ropeTheta base of the language model's rotary frequencies
 * @param ropeSections frequencies of a head that time, height and width turn
 * @param epsilon of the language model's norms
 */
public record QwenVlConfig(
        int hiddenSize,
        int intermediateSize,
        int layers,
        int heads,
        int keyValueHeads,
        int vocabulary,
        double ropeTheta,
        List<Integer> ropeSections,
        double epsilon,
        Vision vision) {

    /**
     * The sizes of the vision tower.
     *
     * @param windowSize side in pixels of the square within which patches attend to each other
     * @param fullAttentionBlocks blocks in which all patches attend to each other
     */
    public record Vision(
            int hiddenSize,
            int intermediateSize,
            int depth,
            int heads,
            int patchSize,
            int windowSize,
            List<Integer> fullAttentionBlocks) {}

    /** A merged cell is this many patches wide and high. */
    static final int MERGE = 2;

    private static final int TEMPORAL_PATCH = 2;

    /** Qwen2.5-VL-7B, as released. */
    public static final QwenVlConfig RELEASED = new QwenVlConfig(
            3584,
            18944,
            28,
            28,
            4,
            152064,
            1e6,
            List.of(16, 24, 24),
            1e-6,
            new Vision(1280, 3420, 32, 16, 14, 112, List.of(7, 15, 23, 31)));

    /** Reads a Hugging Face {@code config.json} of type {@code qwen2_5_vl}. */
    public static QwenVlConfig read(Path path) throws IOException {
        HuggingFaceConfig all = HuggingFaceConfig.readWhole(path);
        all.require("model_type", "qwen2_5_vl");
        HuggingFaceConfig text = all.partOrSelf("text_config");
        text.require("hidden_act", "silu");
        text.require("use_sliding_window", false);
        HuggingFaceConfig vision = all.part("vision_config");
        vision.require("hidden_act", "silu");
        vision.require("spatial_merge_size", MERGE);
        vision.require("temporal_patch_size", TEMPORAL_PATCH);
        QwenVlConfig sizes = new QwenVlConfig(
                text.positive("hidden_size"),
                text.positive("intermediate_size"),
                text.positive("num_hidden_layers"),
                text.positive("num_attention_heads"),
                text.positive("num_key_value_heads"),
                text.positive("vocab_size"),
                text.number("rope_theta", RELEASED.ropeTheta),
                text.partOrSelf("rope_scaling").positives("mrope_section", RELEASED.ropeSections),
                text.number("rms_norm_eps", RELEASED.epsilon),
                new Vision(
                        vision.positive("hidden_size"),
                        vision.positive("intermediate_size"),
                        vision.positive("depth"),
                        vision.positive("num_heads"),
                        vision.positive("patch_size"),
                        vision.positive("window_size"),
                        vision.positives("fullatt_block_indexes", RELEASED.vision.fullAttentionBlocks)));
        int sections = sizes.ropeSections.stream().mapToInt(Integer::intValue).sum();
        if (sizes.ropeSections.size() != 3 || sections * 2 * sizes.heads != sizes.hiddenSize) {
            throw text.invalid("rope_scaling", "three mrope_sections that make up half a head");
        }
        if (sizes.heads % sizes.keyValueHeads != 0) {
            throw text.invalid("num_attention_heads", "a multiple of num_key_value_heads, " + sizes.keyValueHeads);
        }
        return sizes;
    }

    /** The {@code config.json} that {@link #read} reads. */
    public String toJson() {
        return """
                {"model_type": "qwen2_5_vl", "hidden_act": "silu", "hidden_size": %d, "intermediate_size": %d,
                 "num_hidden_layers": %d, "num_attention_heads": %d, "num_key_value_heads": %d, "vocab_size": %d,
                 "rope_theta": %s, "rope_scaling": {"mrope_section": %s}, "rms_norm_eps": %s, "use_sliding_window": false,
                 "vision_config": {"hidden_act": "silu", "hidden_size": %d, "intermediate_size": %d, "depth": %d,
                  "num_heads": %d, "patch_size": %d, "spatial_merge_size": %d, "temporal_patch_size": %d,
                  "window_size": %d, "fullatt_block_indexes": %s}}
                """.formatted(
                        hiddenSize,
                        intermediateSize,
                        layers,
                        heads,
                        keyValueHeads,
                        vocabulary,
                        ropeTheta,
                        ropeSections,
                        epsilon,
                        vision.hiddenSize,
                        vision.intermediateSize,
                        vision.depth,
                        vision.heads,
                        vision.patchSize,
                        MERGE,
                        TEMPORAL_PATCH,
                        vision.windowSize,
                        vision.fullAttentionBlocks);
    }

    /** What a checkpoint of these sizes holds, apart from the output head, which is never used. */
    public TensorLayout layout() {
        Map<String, List<Long>> all = new TreeMap<>(visionWeights());
        all.putAll(languageWeights());
        all.put(QwenLanguageModel.EMBEDDING, List.of((long) vocabulary, (long) hiddenSize));
        return TensorLayout.of(all);
    }

    /** How many numbers the weights are of which an encoder makes use. */
    public long parameters() {
        return TensorShapes.elements(visionWeights()) + TensorShapes.elements(languageWeights());
    }

    /** How many numbers the weights of the language model are. */
    public long languageParameters() {
        return TensorShapes.elements(languageWeights());
    }

    /** How many numbers there are at most, beside the weights, while a crop of this side in pixels is encoded. */
    public long workElements(int cropSize) {
        long grid = QwenVlEncoder.imageSize(cropSize, this) / ((long) vision.patchSize * MERGE);
        long patches = grid * grid * MERGE * MERGE;
        long seeing = patches * (3L * vision.intermediateSize + 10L * vision.hiddenSize);
        long tokens = grid * grid
                + EditPrompt.INSTANCE.before().size()
                + EditPrompt.INSTANCE.after().size();
        long reading = languageWorkElements(tokens);
        return Math.max(seeing, reading) + grid * grid * hiddenSize;
    }

    /** How many numbers there are at most, beside the weights, while the language model reads this many tokens. */
    public long languageWorkElements(long tokens) {
        return tokens * (3L * intermediateSize + 8L * hiddenSize);
    }

    /** Names and shapes of the vision tower's weights, in the order in which the graph takes them. */
    Map<String, List<Long>> visionWeights() {
        long width = vision.hiddenSize;
        long intermediate = vision.intermediateSize;
        long patch = vision.patchSize;
        long merged = width * MERGE * MERGE;
        Map<String, List<Long>> weights = new LinkedHashMap<>();
        weights.put("visual.patch_embed.proj.weight", List.of(width, 3L, (long) TEMPORAL_PATCH, patch, patch));
        for (int i = 0; i < vision.depth; i++) {
            String block = "visual.blocks." + i + ".";
            weights.put(block + "norm1.weight", List.of(width));
            weights.put(block + "norm2.weight", List.of(width));
            TensorShapes.putPair(weights, block + "attn.qkv", List.of(3 * width, width));
            TensorShapes.putPair(weights, block + "attn.proj", List.of(width, width));
            TensorShapes.putPair(weights, block + "mlp.gate_proj", List.of(intermediate, width));
            TensorShapes.putPair(weights, block + "mlp.up_proj", List.of(intermediate, width));
            TensorShapes.putPair(weights, block + "mlp.down_proj", List.of(width, intermediate));
        }
        weights.put("visual.merger.ln_q.weight", List.of(width));
        TensorShapes.putPair(weights, "visual.merger.mlp.0", List.of(merged, merged));
        TensorShapes.putPair(weights, "visual.merger.mlp.2", List.of((long) hiddenSize, merged));
        return weights;
    }

    /** Names and shapes of the language model's weights, in the order in which the graph takes them. */
    Map<String, List<Long>> languageWeights() {
        long width = hiddenSize;
        long keyValue = width / heads * keyValueHeads;
        Map<String, List<Long>> weights = new LinkedHashMap<>();
        for (int i = 0; i < layers; i++) {
            String layer = "model.layers." + i + ".";
            weights.put(layer + "input_layernorm.weight", List.of(width));
            TensorShapes.putPair(weights, layer + "self_attn.q_proj", List.of(width, width));
            TensorShapes.putPair(weights, layer + "self_attn.k_proj", List.of(keyValue, width));
            TensorShapes.putPair(weights, layer + "self_attn.v_proj", List.of(keyValue, width));
            weights.put(layer + "self_attn.o_proj.weight", List.of(width, width));
            weights.put(layer + "post_attention_layernorm.weight", List.of(width));
            weights.put(layer + "mlp.gate_proj.weight", List.of((long) intermediateSize, width));
            weights.put(layer + "mlp.up_proj.weight", List.of((long) intermediateSize, width));
            weights.put(layer + "mlp.down_proj.weight", List.of(width, (long) intermediateSize));
        }
        weights.put("model.norm.weight", List.of(width));
        return weights;
    }
}
