package org.i2lspark.torch;

/** Where tensors live and graphs run: the CPU, or one GPU of this machine. */
public record TorchDevice(String name) {
    public static final TorchDevice CPU = new TorchDevice("cpu");

    private static final String GPU_PREFIX = "cuda:";

    /** The GPU with this index among those that the process sees. */
    public static TorchDevice gpu(int index) {
        return new TorchDevice(GPU_PREFIX + index);
    }

    public boolean isCpu() {
        return equals(CPU);
    }

    /**
     * The index of a GPU.
     *
     * @throws IllegalStateException if this is the CPU
     */
    public int index() {
        if (isCpu()) {
            throw new IllegalStateException("The CPU has no index");
        }
        return Integer.parseInt(name.substring(GPU_PREFIX.length()));
    }

    @Override
    public String toString() {
        return name;
    }
}
