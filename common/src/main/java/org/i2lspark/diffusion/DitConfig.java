package org.i2lspark.diffusion;

import static org.i2lspark.safetensors.TensorShapes.putPair;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.i2lspark.encoder.HuggingFaceConfig;
import org.i2lspark.safetensors.TensorLayout;
import org.i2lspark.safetensors.TensorShapes;
import org.i2lspark.torch.ElementType;

/**
 * The sizes of Qwen-Image's diffusion transformer (DiT).
 *
 * @param layers blocks, each with a stream for the text and one for the image
 * @param heads attention heads
 * @param headSize channels of a head
 * @param ropeAxes channels of a head that frame, row and column turn
 * @param textSize values of a token's embedding, as the text encoder gives it
 * @param latentChannels of the VAE
 */
public record DitConfig(int layers, int heads, int headSize, List<Integer> ropeAxes, int textSize, int latentChannels) {
    /** Side in latent pixels of the square that is a token. */
    public static final int PATCH = 2;

    /** Qwen-Image and Qwen-Image-2512, as released. */
    public static final DitConfig RELEASED = new DitConfig(60, 24, 128, List.of(16, 56, 56), 3584, 16);

    /** The linear layers of a block that stay as they are for all steps, in the order in which the graph takes them. */
    static final List<String> BLOCK_LINEARS = List.of(
            "attn.to_q",
            "attn.to_k",
            "attn.to_v",
            "attn.add_q_proj",
            "attn.add_k_proj",
            "attn.add_v_proj",
            "attn.to_out.0",
            "attn.to_add_out",
            "img_mlp.net.0.proj",
            "img_mlp.net.2",
            "txt_mlp.net.0.proj",
            "txt_mlp.net.2");

    /** The norms of a block that have weights, in the order in which the graph takes them. */
    private static final List<String> BLOCK_NORMS =
            List.of("attn.norm_q", "attn.norm_k", "attn.norm_added_q", "attn.norm_added_k");

    /** The linear layers of a block that see the time alone. */
    static final List<String> MODULATIONS = List.of("img_mod.1", "txt_mod.1");

    /** The layers that make the time's embedding. */
    static final List<String> TIME_LINEARS =
            List.of("time_text_embed.timestep_embedder.linear_1", "time_text_embed.timestep_embedder.linear_2");

    /** The layers through which image and text come in and the velocity goes out. */
    static final List<String> END_LINEARS = List.of("img_in", "txt_in", "proj_out");

    static final String OUTPUT_MODULATION = "norm_out.linear";

    private static final String TEXT_NORM = "txt_norm.weight";
    /** Sines and cosines of the time. */
    private static final long TIME_CHANNELS = 256;

    private static final int FEED_FORWARD_FACTOR = 4;
    /** A modulation's shift, scale and gate of attention, and the same of the feed-forward. */
    static final int MODULATION_FACTOR = 6;

    public DitConfig {
        ropeAxes = List.copyOf(ropeAxes);
    }

    /** Reads the {@code config.json} of a diffusers {@code QwenImageTransformer2DModel}. */
    public static DitConfig read(Path path) throws IOException {
        HuggingFaceConfig config = HuggingFaceConfig.readWhole(path);
        config.require("_class_name", "QwenImageTransformer2DModel");
        config.require("patch_size", PATCH);
        config.require("guidance_embeds", false);
        config.require("zero_cond_t", false);
        config.require("use_additional_t_cond", false);
        config.require("use_layer3d_rope", false);
        DitConfig sizes = new DitConfig(
                config.positive("num_layers"),
                config.positive("num_attention_heads"),
                config.positive("attention_head_dim"),
                config.positives("axes_dims_rope", RELEASED.ropeAxes),
                config.positive("joint_attention_dim"),
                config.positive("out_channels"));
        config.require("in_channels", sizes.tokenSize());
        boolean even = sizes.ropeAxes.stream().allMatch(axis -> axis > 0 && axis % 2 == 0);
        int channels = sizes.ropeAxes.stream().mapToInt(Integer::intValue).sum();
        if (sizes.ropeAxes.size() != 3 || !even || channels != sizes.headSize) {
            throw config.invalid("axes_dims_rope", "three even numbers that make up a head of " + sizes.headSize);
        }
        return sizes;
    }

    /** The {@code config.json} that {@link #read} reads. */
    public String toJson() {
        return """
                {"_class_name": "QwenImageTransformer2DModel", "num_layers": %d, "num_attention_heads": %d,
                 "attention_head_dim": %d, "axes_dims_rope": %s, "joint_attention_dim": %d, "in_channels": %d,
                 "out_channels": %d, "patch_size": %d, "guidance_embeds": false}
                """.formatted(layers, heads, headSize, ropeAxes, textSize, tokenSize(), latentChannels, PATCH);
    }

    /** Channels of a token of text or image within the blocks. */
    public int width() {
        return heads * headSize;
    }

    /** Values of a token of the image, as it comes in and goes out. */
    public int tokenSize() {
        return latentChannels * PATCH * PATCH;
    }

    /** What a checkpoint of these sizes holds. */
    public TensorLayout layout() {
        Map<String, List<Long>> all = new TreeMap<>(ends());
        for (int i = 0; i < layers; i++) {
            all.putAll(block(i));
            all.putAll(modulations(i));
        }
        return TensorLayout.of(all);
    }

    /** Inputs and outputs of each linear layer, {@code [out, in]}, by its name. */
    public Map<String, List<Long>> linears() {
        Map<String, List<Long>> linears = new TreeMap<>();
        layout().shapes().forEach((name, shape) -> {
            if (shape.size() == 2) {
                linears.put(name.substring(0, name.lastIndexOf('.')), shape);
            }
        });
        return linears;
    }

    /** How many numbers the weights of all blocks are, without those of the modulations. */
    public long blockParameters() {
        return layers * TensorShapes.elements(block(0));
    }

    /** How many numbers the weights are of which the modulations of a block are made. */
    public long modulationParameters() {
        return TensorShapes.elements(modulations(0));
    }

    /** How many numbers the modulations of all blocks and steps are. */
    public long modulationElements(int steps) {
        return (long) steps * layers * MODULATIONS.size() * MODULATION_FACTOR * width();
    }

    /** How many numbers of the weights' type a token of text or image takes at most, beside the weights, in a block. */
    public long workElementsOfAToken(ElementType precision) {
        // both streams before and after, what is modulated, and either the feed-forward twice, or q, k, v and what
        // comes of them
        long kept = 4L * width() + 2L * FEED_FORWARD_FACTOR * width();
        // q or k is turned in float32: itself, its two halves, their products and the result
        long turned = 4L * width() * ElementType.FLOAT32.byteSize() / precision.byteSize();
        return kept + turned;
    }

    /** How many numbers the weights outside of blocks are. */
    public long endParameters() {
        return TensorShapes.elements(ends());
    }

    static String blockName(int block) {
        return "transformer_blocks." + block + ".";
    }

    /** Names and shapes of the weights outside of blocks, in the order in which the graph takes them. */
    Map<String, List<Long>> ends() {
        long width = width();
        Map<String, List<Long>> weights = new LinkedHashMap<>();
        putPair(weights, TIME_LINEARS.get(0), List.of(width, TIME_CHANNELS));
        putPair(weights, TIME_LINEARS.get(1), List.of(width, width));
        putPair(weights, OUTPUT_MODULATION, List.of(2 * width, width));
        putPair(weights, END_LINEARS.get(0), List.of(width, (long) tokenSize()));
        putPair(weights, END_LINEARS.get(1), List.of(width, (long) textSize));
        putPair(weights, END_LINEARS.get(2), List.of((long) tokenSize(), width));
        weights.put(TEXT_NORM, List.of((long) textSize));
        return weights;
    }

    /** Names and shapes of a block's weights without its modulations, in the order in which the graph takes them. */
    Map<String, List<Long>> block(int block) {
        long width = width();
        long inner = FEED_FORWARD_FACTOR * width;
        Map<String, List<Long>> weights = new LinkedHashMap<>();
        for (String layer : BLOCK_LINEARS) {
            long in = layer.endsWith("mlp.net.2") ? inner : width;
            long out = layer.endsWith("mlp.net.0.proj") ? inner : width;
            putPair(weights, blockName(block) + layer, List.of(out, in));
        }
        for (String norm : BLOCK_NORMS) {
            weights.put(blockName(block) + norm + ".weight", List.of((long) headSize));
        }
        return weights;
    }

    /** Names and shapes of the weights of a block's modulations, in the order in which the graph takes them. */
    Map<String, List<Long>> modulations(int block) {
        Map<String, List<Long>> weights = new LinkedHashMap<>();
        for (String layer : MODULATIONS) {
            putPair(weights, blockName(block) + layer, List.of(MODULATION_FACTOR * (long) width(), (long) width()));
        }
        return weights;
    }
}
