package org.i2lspark.jobs.generate;

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
     * @throws IOException if a GPU is asked for and none is usable
     */
    public TorchDevice resolve() throws IOException {
        return switch (this) {
            case AUTO -> Torch.gpuIsUsable() ? TorchDevice.gpu(0) : TorchDevice.CPU;
            case CPU -> TorchDevice.CPU;
            case GPU -> {
                if (!Torch.gpuIsUsable()) {
                    throw new IOException(
                            "Cannot use a GPU: libtorch %s in this process finds none. On a GPU node set PYTORCH_LIBRARY_PATH to a libtorch of that version with CUDA; or take --device cpu"
                                    .formatted(Torch.version()));
                }
                yield TorchDevice.gpu(0);
            }
        };
    }
}
