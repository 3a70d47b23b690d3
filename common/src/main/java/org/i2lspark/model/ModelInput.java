package org.i2lspark.model;

/** What LoRAs are made from. */
public enum ModelInput {
    /** Images, which encoders embed first. */
    IMAGES,
    /** Embeddings of SigLIP2 and DINOv3 that were made before, so that no encoder is needed. */
    EMBEDDINGS
}
