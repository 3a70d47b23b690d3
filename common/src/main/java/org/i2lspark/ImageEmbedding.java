package org.i2lspark;

import java.util.Collections;
import java.util.List;

/**
 * What the encoders see in an image.
 *
 * @param siglip2 pooled SigLIP2 embedding, 1536 values in the released model
 * @param dinov3 normalised CLS token of DINOv3, 4096 values in the released model
 * @param residuals what each decoder makes of Qwen2.5-VL's hidden states; an empty array for a decoder that takes none
 */
public record ImageEmbedding(float[] siglip2, float[] dinov3, List<float[]> residuals) {
    private static final float[] NO_RESIDUAL = new float[0];

    /** For decoders of which none takes hidden states. */
    public static ImageEmbedding withoutResiduals(float[] siglip2, float[] dinov3, int decoders) {
        return new ImageEmbedding(siglip2, dinov3, Collections.nCopies(decoders, NO_RESIDUAL));
    }

    /** SigLIP2's and DINOv3's, one after the other. */
    public float[] style() {
        float[] both = new float[siglip2.length + dinov3.length];
        System.arraycopy(siglip2, 0, both, 0, siglip2.length);
        System.arraycopy(dinov3, 0, both, siglip2.length, dinov3.length);
        return both;
    }
}
