package org.i2lspark.jobs.options;

import java.io.Serializable;
import java.util.Set;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.ModelInput;
import org.i2lspark.model.Variant;

/**
 * Which decoders are to make LoRAs, and from what.
 *
 * @param baseModel that the LoRAs are for
 * @param variants whose LoRAs are merged
 * @param imagePositions of image cells in Qwen2.5-VL
 */
public record ModelChoice(BaseModel baseModel, Set<Variant> variants, ImagePositions imagePositions, ModelInput input)
        implements Serializable {}
