package org.i2lspark.torch;

import java.nio.file.Path;

/**
 * A libtorch on this machine.
 *
 * @param folder where {@code libtorch.so} lies
 * @param version as {@code 2.7.1}; {@code unknown} where its folder brings a bridge and nothing tells the version
 * @param flavor what it is built for: {@code cpu}, or as {@code cu128}, or {@code cuda} where nothing tells CUDA's version
 */
public record TorchLibrary(Path folder, String version, String flavor) {
    static final String CPU = "cpu";

    /** Whether it is built for GPUs; there need be none here. */
    public boolean isForGpus() {
        return !flavor.equals(CPU);
    }

    /** Version and flavor as PyTorch writes them: {@code 2.7.1+cpu}. */
    public String build() {
        return version + '+' + flavor;
    }
}
