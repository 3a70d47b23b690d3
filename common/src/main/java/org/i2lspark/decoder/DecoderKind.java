package org.i2lspark.decoder;

/** The decoders of the family, which differ in what they take beside the SigLIP2 and DINOv3 embeddings. */
public enum DecoderKind {
    /** Nothing. */
    STYLE("Style", 0),
    /** The hidden states of Qwen2.5-VL at 224 pixels. */
    COARSE("Coarse", 71),
    /** The hidden states of Qwen2.5-VL at 1024 pixels. */
    FINE("Fine", 1376);

    private final String title;
    private final int tokens;

    DecoderKind(String title, int tokens) {
        this.title = title;
        this.tokens = tokens;
    }

    /** The name as people write it. */
    public String title() {
        return title;
    }

    /** Hidden states of Qwen2.5-VL that it takes of an image. */
    public int tokens() {
        return tokens;
    }
}
