package org.i2lspark.model;

import java.util.Arrays;
import java.util.Optional;

/** The released checkpoints of Qwen-Image and the image-to-LoRA models, known by the fingerprints of their layouts. */
public enum ReleasedCheckpoint {
    SIGLIP2_G384("SigLIP2-G384", "469c78b61e3e31bc9eec0d0af3d3f2f8"),
    DINOV3_7B("DINOv3-7B", "5722b5c873720009de96422993b15682"),
    QWEN2_5_VL_7B("Qwen2.5-VL-7B", "8004730443f55db63092006dd9f7110e"),
    /** The same of Qwen-Image-2512. */
    QWEN_IMAGE_TRANSFORMER("Qwen-Image transformer", "0319a1cb19835fb510907dd3367c95ff"),
    QWEN_IMAGE_VAE("Qwen-Image VAE", "ed4ea5824d55ec3107b09815e318123a"),
    I2L_STYLE("Qwen-Image-i2L-Style", "0aad514690602ecaff932c701cb4b0bb"),
    I2L_COARSE("Qwen-Image-i2L-Coarse", "a166c33455cdbd89c0888a3645ca5c0f"),
    I2L_FINE("Qwen-Image-i2L-Fine", "a5476e691767a4da6d3a6634a10f7408"),
    /** Released twice with one layout, as Z-Image-i2L and as Z-Image-Omni-Base-i2L. */
    Z_IMAGE_I2L("Z-Image-i2L", "9510cb8cd1dd34ee0e4f111c24905510");

    private final String title;
    private final String fingerprint;

    ReleasedCheckpoint(String title, String fingerprint) {
        this.title = title;
        this.fingerprint = fingerprint;
    }

    /** The name under which it was released. */
    public String title() {
        return title;
    }

    /** The released checkpoint with this layout fingerprint, if any. */
    public static Optional<ReleasedCheckpoint> ofFingerprint(String fingerprint) {
        return Arrays.stream(values())
                .filter(checkpoint -> checkpoint.fingerprint.equals(fingerprint))
                .findFirst();
    }
}
