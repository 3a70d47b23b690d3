package org.i2lspark.lora;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The linear layers of Qwen-Image's transformer, and which of them Qwen-Image-i2L adapts. */
public final class QwenImageTransformer {
    /** The layers of a block that Qwen-Image-i2L adapts, in the four groups that have decoders of their own. */
    public static final List<List<String>> ADAPTED_GROUPS = List.of(
            List.of("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0"),
            List.of("img_mlp.net.2", "img_mod.1"),
            List.of("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj", "attn.to_add_out"),
            List.of("txt_mlp.net.2", "txt_mod.1"));

    private static final Set<String> BLOCK_LAYERS = Stream.concat(
                    ADAPTED_GROUPS.stream().flatMap(List::stream),
                    Stream.of("img_mlp.net.0.proj", "txt_mlp.net.0.proj"))
            .collect(Collectors.toUnmodifiableSet());
    private static final Set<String> OTHER_LAYERS = Set.of(
            "img_in",
            "txt_in",
            "time_text_embed.timestep_embedder.linear_1",
            "time_text_embed.timestep_embedder.linear_2",
            "norm_out.linear",
            "proj_out");

    private static final Map<String, String> BLOCK_LAYER_OF_FLAT_NAME = byFlatName(BLOCK_LAYERS);
    private static final Map<String, String> OTHER_LAYER_OF_FLAT_NAME = byFlatName(OTHER_LAYERS);
    private static final Pattern IN_BLOCK = Pattern.compile("transformer_blocks\\.(\\d{1,4})\\.(.+)");
    private static final Pattern FLAT_IN_BLOCK = Pattern.compile("transformer_blocks_(\\d{1,4})_(.+)");

    private QwenImageTransformer() {}

    /** Whether this names a linear layer, such as {@code transformer_blocks.0.attn.to_q} or {@code proj_out}. */
    static boolean hasLinear(String module) {
        Matcher block = IN_BLOCK.matcher(module);
        return block.matches() ? BLOCK_LAYERS.contains(block.group(2)) : OTHER_LAYERS.contains(module);
    }

    /** The linear layer whose name with underscores for dots this is: such names alone do not say where the dots were. */
    static Optional<String> ofFlatName(String flat) {
        Matcher block = FLAT_IN_BLOCK.matcher(flat);
        return block.matches()
                ? Optional.ofNullable(BLOCK_LAYER_OF_FLAT_NAME.get(block.group(2)))
                        .map(layer -> "transformer_blocks.%s.%s".formatted(block.group(1), layer))
                : Optional.ofNullable(OTHER_LAYER_OF_FLAT_NAME.get(flat));
    }

    static String flatName(String module) {
        return module.replace('.', '_');
    }

    /** The number of the block that a layer stands in, if it stands in one. */
    public static OptionalInt block(String module) {
        Matcher block = IN_BLOCK.matcher(module);
        return block.matches() ? OptionalInt.of(Integer.parseInt(block.group(1))) : OptionalInt.empty();
    }

    /** A layer's name within its block, {@code attn.to_q} of {@code transformer_blocks.0.attn.to_q}. */
    public static String layer(String module) {
        Matcher block = IN_BLOCK.matcher(module);
        return block.matches() ? block.group(2) : module;
    }

    private static Map<String, String> byFlatName(Set<String> layers) {
        return layers.stream()
                .collect(Collectors.toUnmodifiableMap(QwenImageTransformer::flatName, Function.identity()));
    }
}
