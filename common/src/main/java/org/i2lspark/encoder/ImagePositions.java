package org.i2lspark.encoder;

import java.util.Locale;

/** Where Qwen2.5-VL's language model takes the cells of an image to stand. */
public enum ImagePositions {
    /**
     * In rows and columns (M-RoPE). DiffSynth-Studio computes so up to transformers 5.2, and with it the released Coarse and
     * Fine decoders were made.
     */
    GRID,
    /** One after the other, as text: what DiffSynth-Studio computes from transformers 5.3 on. */
    SEQUENTIAL;

    /** The name on the command line and in metadata. */
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }
}
