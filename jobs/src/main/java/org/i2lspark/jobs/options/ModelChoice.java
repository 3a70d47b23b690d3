package org.i2lspark.jobs.options;

import java.io.Serializable;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.ModelInput;

/**
 * What LoRAs are for, and what they are made from.
 *
 * @param baseModel that they are for
 */
public record ModelChoice(BaseModel baseModel, ModelInput input) implements Serializable {
    /** From images. */
    public static ModelChoice ofImages(BaseModel baseModel) {
        return new ModelChoice(baseModel, ModelInput.IMAGES);
    }
}
