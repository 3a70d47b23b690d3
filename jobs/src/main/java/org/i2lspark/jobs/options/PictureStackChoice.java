package org.i2lspark.jobs.options;

import java.io.IOException;
import java.io.Serializable;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.torch.GpuMemory;
import org.i2lspark.torch.TorchDevice;

/**
 * With which checkpoints pictures are asked to be made, and on what.
 *
 * @param models a URI, or an absolute path
 * @param batchSize pictures made at once at most; 0 for what suits the device
 * @param gpuMemory bytes that may be used of a GPU's memory; 0 for what is free
 */
public record PictureStackChoice(
        String models, DeviceChoice device, PrecisionChoice precision, int batchSize, long gpuMemory)
        implements Serializable {
    static final int CPU_BATCH = 1;
    static final int GPU_BATCH = 8;

    /**
     * Decides what was left open, by what this process can do.
     *
     * @param gpu index of the GPU, if one is used
     * @throws UnusableException if it has no libtorch, or not the device that is asked for
     */
    public PictureStackSettings settle(int gpu) throws UnusableException {
        try {
            TorchDevice found = device.resolve(gpu);
            int usualBatch = found.isCpu() ? CPU_BATCH : GPU_BATCH;
            return new PictureStackSettings(
                    models,
                    found.isCpu() ? DeviceChoice.CPU : DeviceChoice.GPU,
                    precision.on(found),
                    batchSize > 0 ? batchSize : usualBatch,
                    // what is free now, for later other things may be in it
                    GpuMemory.budget(found, gpuMemory).orElse(0L));
        } catch (IOException e) {
            throw new UnusableException(Problems.describe(e), e);
        }
    }
}
