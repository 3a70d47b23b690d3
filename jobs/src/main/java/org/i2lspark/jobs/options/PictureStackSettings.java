package org.i2lspark.jobs.options;

import java.io.Serializable;
import org.i2lspark.torch.ElementType;

/**
 * How pictures are made, with nothing left open.
 *
 * @param models URI of the folder of checkpoints; a local one lies on every machine that makes pictures
 * @param device a CPU or a GPU
 * @param precision in which it computes
 * @param batchSize pictures made at once at most
 * @param gpuMemory bytes that may be used of a GPU's memory; 0 for what is free
 */
public record PictureStackSettings(
        String models, DeviceChoice device, ElementType precision, int batchSize, long gpuMemory)
        implements Serializable {}
