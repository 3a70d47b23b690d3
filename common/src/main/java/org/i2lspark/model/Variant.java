package org.i2lspark.model;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What of an image a LoRA takes up. */
public enum Variant {
    /** Strokes, colours, textures: SigLIP2 and DINOv3 → Style decoder. */
    STYLE;

    /** The name on the command line and in the manifest. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The variant of this name.
     *
     * @throws IllegalArgumentException naming those there are
     */
    public static Variant of(String id) {
        return Arrays.stream(values())
                .filter(variant -> variant.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("Invalid variant: '%s' (expected one of: %s)"
                        .formatted(id, Arrays.stream(values()).map(Variant::id).collect(Collectors.joining(", ")))));
    }
}
