package org.i2lspark.encoder;

/** Where Qwen2.5-VL's language model takes the cells of an image to stand. */
public enum ImagePositions {
    /** One after the other, as text: what DiffSynth-Studio computes on transformers 5, and so the reference cases. */
    SEQUENTIAL,
    /** In time, height and width (M-RoPE): what Qwen2.5-VL was trained with. */
    GRID
}
