package org.i2lspark.torch;

/** Where tensors live and graphs run: the CPU, or one GPU of this machine. */
public record TorchDevice(String name) {
    public static final TorchDevice CPU = new TorchDevice("cpu");

    /** The GPU with this index among those that the process sees. */
    public static TorchDevice gpu(int index) {
        return new TorchDevice("cuda:" + index);
    }

    public boolean isCpu() {
        return equals(CPU);
    }

    @Override
    public String toString() {
        return name;
    }
}
