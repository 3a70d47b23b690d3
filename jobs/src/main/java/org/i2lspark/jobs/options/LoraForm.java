package org.i2lspark.jobs.options;

import java.io.Serializable;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.torch.ElementType;

/**
 * How LoRAs are written.
 *
 * @param type of their factors
 * @param rank to which those of a higher rank are reduced; 0 for none
 */
public record LoraForm(ElementType type, KeyFormat keyFormat, int rank) implements Serializable {

    /** Whether a LoRA of this rank is to be reduced. */
    public boolean reduces(int rankOfLora) {
        return rank > 0 && rankOfLora > rank;
    }

    /** In what type the decoder is to give LoRAs: a reduction starts from float32. */
    public ElementType decodedType() {
        return rank > 0 ? ElementType.FLOAT32 : type;
    }
}
