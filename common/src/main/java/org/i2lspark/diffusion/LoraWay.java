package org.i2lspark.diffusion;

/** How LoRAs act on a layer that every token passes. */
public enum LoraWay {
    /** At the layer's side: exact on any weights, and images that are made together may have different ones. */
    BESIDE,
    /**
     * Those that all images have are added to copies of the weights, so that a step takes no longer than without them; the
     * others act beside. The weights themselves stay as they are: nothing is left of a LoRA when others are wanted.
     */
    FUSED
}
