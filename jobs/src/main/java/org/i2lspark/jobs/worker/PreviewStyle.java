package org.i2lspark.jobs.worker;

import java.io.Serializable;

/**
 * Of what previews are made: of the LoRA of a style; or of none, to compare with.
 *
 * @param id null for none
 * @param loraPath relative to the output
 * @param loraSha256 of the LoRA's file, in hex
 * @param loraFingerprint of what the LoRA follows from
 */
public record PreviewStyle(String id, String loraPath, String loraSha256, String loraFingerprint)
        implements Serializable {
    /** No LoRA of a style. */
    public static final PreviewStyle NONE = new PreviewStyle(null, null, null, null);

    boolean hasLora() {
        return loraPath != null;
    }
}
