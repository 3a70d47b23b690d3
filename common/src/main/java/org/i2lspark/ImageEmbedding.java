package org.i2lspark;

/**
 * What the encoders see in an image.
 *
 * @param siglip2 pooled SigLIP2 embedding, 1536 values in the released model
 * @param dinov3 normalised CLS token of DINOv3, 4096 values in the released model
 */
public record ImageEmbedding(float[] siglip2, float[] dinov3) {
    /** The Style decoder's input: both, one after the other. */
    public float[] style() {
        float[] both = new float[siglip2.length + dinov3.length];
        System.arraycopy(siglip2, 0, both, 0, siglip2.length);
        System.arraycopy(dinov3, 0, both, siglip2.length, dinov3.length);
        return both;
    }
}
