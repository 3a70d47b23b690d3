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
public record LoraForm(ElementType type, KeyFormat keyFormat, int rank) implements Serializable {}
