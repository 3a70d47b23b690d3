package org.i2lspark.lora;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** How a tool names the two factors of a module. */
public enum KeyFormat {
    /** {@code diffusion_model.transformer_blocks.N.M.lora_A.weight}, as ComfyUI reads them. */
    COMFYUI("diffusion_model.", ".lora_A.weight", ".lora_B.weight"),
    /** {@code transformer_blocks.N.M.lora_A.default.weight}, as DiffSynth-Studio writes and reads them. */
    DIFFSYNTH("", ".lora_A.default.weight", ".lora_B.default.weight"),
    /** {@code transformer.transformer_blocks.N.M.lora_A.weight}, as diffusers reads them. */
    DIFFUSERS("transformer.", ".lora_A.weight", ".lora_B.weight"),
    /** {@code lora_unet_transformer_blocks_N_M.lora_down.weight}, with an alpha beside it, as kohya's scripts do. */
    KOHYA("lora_unet_", ".lora_down.weight", ".lora_up.weight"),
    /** {@code base_model.model.transformer_blocks.N.M.lora_A.weight}, as PEFT reads them beside a config. */
    PEFT("base_model.model.", ".lora_A.weight", ".lora_B.weight");

    /** The layers of a transformer block that these LoRAs adapt. */
    public static final List<String> LAYERS = List.of(
            "attn.to_q",
            "attn.to_k",
            "attn.to_v",
            "attn.to_out.0",
            "img_mlp.net.2",
            "img_mod.1",
            "attn.add_q_proj",
            "attn.add_k_proj",
            "attn.add_v_proj",
            "attn.to_add_out",
            "txt_mlp.net.2",
            "txt_mod.1");

    private static final String ALPHA = ".alpha";

    private static final Map<String, String> LAYER_OF_FLAT_NAME = LAYERS.stream()
            .collect(Collectors.toUnmodifiableMap(layer -> layer.replace('.', '_'), Function.identity()));
    private static final Pattern MODULE = Pattern.compile("transformer_blocks\\.\\d+\\..+");
    private static final Pattern FLAT_MODULE = Pattern.compile("transformer_blocks_(\\d+)_(.+)");

    private final String prefix;
    private final String aSuffix;
    private final String bSuffix;

    KeyFormat(String prefix, String aSuffix, String bSuffix) {
        this.prefix = prefix;
        this.aSuffix = aSuffix;
        this.bSuffix = bSuffix;
    }

    /** The name on the command line. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Tensor name of a module's A factor. */
    public String a(String module) {
        return prefix + flat(module) + aSuffix;
    }

    /** Tensor name of a module's B factor. */
    public String b(String module) {
        return prefix + flat(module) + bSuffix;
    }

    /** Tensor name of the alpha that is written with a module, equal to the rank; only kohya's format has one. */
    public Optional<String> writtenAlpha(String module) {
        return this == KOHYA ? Optional.of(alpha(module)) : Optional.empty();
    }

    /** Tensor name of a module's alpha, which files of other tools may have in any format. */
    String alpha(String module) {
        return prefix + flat(module) + ALPHA;
    }

    private String flat(String module) {
        return this == KOHYA ? module.replace('.', '_') : module;
    }

    /** The module whose A factor a tensor name is in this format, if it is one. */
    Optional<String> moduleOfA(String key) {
        if (!key.startsWith(prefix) || !key.endsWith(aSuffix)) {
            return Optional.empty();
        }
        String module = key.substring(prefix.length(), key.length() - aSuffix.length());
        if (this != KOHYA) {
            return MODULE.matcher(module).matches() ? Optional.of(module) : Optional.empty();
        }
        Matcher flat = FLAT_MODULE.matcher(module);
        return flat.matches()
                ? Optional.ofNullable(LAYER_OF_FLAT_NAME.get(flat.group(2)))
                        .map(layer -> "transformer_blocks.%s.%s".formatted(flat.group(1), layer))
                : Optional.empty();
    }
}
