package org.i2lspark.jobs.options;

import java.io.IOException;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.TorchLibrary;

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
                    throw new IOException("Cannot use GPU %d: %s".formatted(gpu, whyNot(Torch.library())));
                }
                yield TorchDevice.gpu(gpu);
            }
        };
    }

    private static String whyNot(TorchLibrary library) {
        return library.isForGpus()
                ? "libtorch %s of %s does not find it in this process, or is not built for it; see nvidia-smi and docs/gpu.md, or take --device cpu"
                        .formatted(library.build(), library.folder())
                : "libtorch %s of %s has no CUDA; scripts/gpu-runtime installs one that has and says how it is taken, or take --device cpu"
                        .formatted(library.build(), library.folder());
    }
}
