package org.i2lspark.lora;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a tensor's name says, whichever tool gave it: that it belongs to a linear layer of a transformer, and as what. Tools differ in the prefix, in whether the layer's dots stand as underscores, in the words for the factors, and in
 * whether the name of the adapter stands in between.
 *
 * @param layer such as {@code transformer_blocks.0.attn.to_q} of Qwen-Image
 * @param adapter the adapter's name, such as {@code default}; empty where there is none
 * @param keyFormat the format that we write whose names are most like this one
 */
record TensorName(Transformer.Layer layer, Role role, String adapter, KeyFormat keyFormat) {
    /** What a tensor is to its layer. */
    enum Role {
        A,
        B,
        /** The strength, times the rank. */
        ALPHA,
        /** What the elements of A, stored in eight bits, are to be multiplied with. */
        A_SCALE,
        /** What the elements of B, stored in eight bits, are to be multiplied with. */
        B_SCALE
    }

    private static final Pattern FACTOR =
            Pattern.compile("(?<path>.+?)[._]lora(?:_linear_layer)?[._](?<factor>A|B|down|up)"
                    + "(?:(?:\\.(?<adapter>(?!weight\\.).+?))?\\.(?<leaf>weight|scale_weight|weight_scale))?");
    private static final Pattern ALPHA =
            Pattern.compile("(?<path>.+?)\\.(?:lora_|network_)?alpha(?:\\.(?<adapter>.+))?");

    private static final Pattern DOTTED = Pattern.compile(
            "(?<prefix>(?:(?:base_model|model|diffusion_model|transformer|module|pipe|dit|unet|denoiser|_orig_mod)\\.)*)"
                    + "(?<module>.+)");
    private static final Pattern FLAT = Pattern.compile("(?:lora_unet_|lora_dit_|lycoris_|lora_)?"
            + "(?:base_model_|model_|diffusion_model_|transformer_(?!blocks_)|dit_)*(?<module>.+)");

    /** Reads a name; nothing if it is of no such tensor. */
    static Optional<TensorName> parse(String key) {
        Matcher factor = FACTOR.matcher(key);
        if (factor.matches()) {
            return of(factor.group("path"), role(factor), factor.group("adapter"));
        }
        Matcher alpha = ALPHA.matcher(key);
        return alpha.matches() ? of(alpha.group("path"), Role.ALPHA, alpha.group("adapter")) : Optional.empty();
    }

    private static Role role(Matcher factor) {
        boolean a = factor.group("factor").equals("A") || factor.group("factor").equals("down");
        String leaf = factor.group("leaf");
        if (leaf == null || leaf.equals("weight")) {
            return a ? Role.A : Role.B;
        }
        return a ? Role.A_SCALE : Role.B_SCALE;
    }

    private static Optional<TensorName> of(String path, Role role, String adapter) {
        String name = adapter == null ? "" : adapter;
        Matcher dotted = DOTTED.matcher(path);
        Optional<Transformer.Layer> layer =
                dotted.matches() ? Transformer.layerOf(dotted.group("module")) : Optional.empty();
        if (layer.isPresent()) {
            return Optional.of(new TensorName(layer.get(), role, name, format(dotted.group("prefix"))));
        }
        Matcher flat = FLAT.matcher(path);
        return flat.matches()
                ? Transformer.layerOfFlatName(flat.group("module"))
                        .map(found -> new TensorName(found, role, name, KeyFormat.KOHYA))
                : Optional.empty();
    }

    private static KeyFormat format(String prefix) {
        if (prefix.contains("base_model.")) {
            return KeyFormat.PEFT;
        }
        if (prefix.contains("diffusion_model.")) {
            return KeyFormat.COMFYUI;
        }
        return prefix.contains("transformer.") ? KeyFormat.DIFFUSERS : KeyFormat.DIFFSYNTH;
    }

    /** Whether this names the whole weight or bias of a linear layer. */
    static boolean isWholeLayer(String key) {
        String path = key.replaceFirst("\\.(?:weight|bias)$", "");
        Matcher dotted = DOTTED.matcher(path);
        return !path.equals(key)
                && dotted.matches()
                && Transformer.layerOf(dotted.group("module")).isPresent();
    }
}
