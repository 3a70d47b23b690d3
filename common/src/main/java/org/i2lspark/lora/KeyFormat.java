package org.i2lspark.lora;

import java.util.Locale;
import java.util.Optional;

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

    private static final String ALPHA = ".alpha";

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
        return this == KOHYA ? Optional.of(prefix + flat(module) + ALPHA) : Optional.empty();
    }

    /** Whether layers that ComfyUI has as one are one here, for of these names it reads no others. */
    boolean fusesLayers() {
        return this == KOHYA;
    }

    private String flat(String module) {
        return this == KOHYA ? Transformer.flatName(module) : module;
    }
}
