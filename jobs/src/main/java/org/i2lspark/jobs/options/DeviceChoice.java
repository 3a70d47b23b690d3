package org.i2lspark.jobs.options;

import java.io.IOException;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;

/** Where the stack is asked to run. */
public enum DeviceChoice {
    /** A GPU if one is usable, else the CPU. */
    AUTO,
    CPU,
    GPU;

    /**
     * The device of this process.
     *
     * @param gpu index of the GPU, if it is one
     * @throws IOException if this process has no libtorch, or a GPU is asked for and none is usable
     */
    public TorchDevice resolve(int gpu) throws IOException {
        Torch.requireUsable();
        return switch (this) {
            case AUTO -> Torch.gpuIsUsable(gpu) ? TorchDevice.gpu(gpu) : TorchDevice.CPU;
            case CPU -> TorchDevice.CPU;
            case GPU -> {
                if (!Torch.gpuIsUsable(gpu)) {
                    throw new IOException(
                            "Cannot use GPU %d: libtorch %s of %s in this process does not find it. On a GPU node set PYTORCH_LIBRARY_PATH to a libtorch of that version with CUDA; or take --device cpu"
                                    .formatted(
                                            gpu,
                                            Torch.version(),
                                            Torch.library().folder()));
                }
                yield TorchDevice.gpu(gpu);
            }
        };
    }
}
