package org.i2lspark.model;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.i2lspark.decoder.DecoderKind;

/** What of an image a LoRA takes up. Factors are merged in this order. */
public enum Variant {
    /** Strokes, colours, textures: SigLIP2 and DINOv3 → Style decoder. */
    STYLE(DecoderKind.STYLE),
    /** Content, from Qwen2.5-VL at 224 pixels as well → Coarse decoder. */
    COARSE(DecoderKind.COARSE),
    /** Detail, from Qwen2.5-VL at 1024 pixels as well → Fine decoder. */
    FINE(DecoderKind.FINE),
    /** A fixed LoRA that corrects towards Qwen-Image's own look. */
    BIAS(null);

    private final DecoderKind decoder;

    Variant(DecoderKind decoder) {
        this.decoder = decoder;
    }

    /** The decoder that this variant runs; none for the Bias. */
    Optional<DecoderKind> decoder() {
        return Optional.ofNullable(decoder);
    }

    /** The name on the command line and in the manifest. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The variants of these names.
     *
     * @throws IllegalArgumentException if there is none of a name, or if they make no sensible LoRA together
     */
    public static Set<Variant> of(List<String> ids) {
        Set<Variant> variants = EnumSet.noneOf(Variant.class);
        ids.forEach(id -> variants.add(of(id)));
        if (variants.equals(EnumSet.of(BIAS))) {
            throw new IllegalArgumentException(
                    "Invalid variants: bias alone (it is the same for every image; add style or coarse)");
        }
        if (variants.contains(FINE) && !variants.contains(COARSE)) {
            throw new IllegalArgumentException(
                    "Invalid variants: fine without coarse (Fine was trained to refine what Coarse gives; add coarse)");
        }
        return variants;
    }

    private static Variant of(String id) {
        return Arrays.stream(values())
                .filter(variant -> variant.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("Invalid variant: '%s' (expected one of: %s)"
                        .formatted(id, Arrays.stream(values()).map(Variant::id).collect(Collectors.joining(", ")))));
    }
}
