package org.i2lspark.lora;

/** How a tool names the two factors of a module. */
public enum KeyFormat {
    /** {@code diffusion_model.transformer_blocks.N.M.lora_A.weight}, as ComfyUI reads them. */
    COMFYUI("diffusion_model.", ".weight"),
    /** {@code transformer_blocks.N.M.lora_A.default.weight}, as DiffSynth-Studio writes and reads them. */
    DIFFSYNTH("", ".default.weight");

    private final String prefix;
    private final String suffix;

    KeyFormat(String prefix, String suffix) {
        this.prefix = prefix;
        this.suffix = suffix;
    }

    /** Tensor name of a module's A factor. */
    public String a(String module) {
        return prefix + module + ".lora_A" + suffix;
    }

    /** Tensor name of a module's B factor. */
    public String b(String module) {
        return prefix + module + ".lora_B" + suffix;
    }
}
