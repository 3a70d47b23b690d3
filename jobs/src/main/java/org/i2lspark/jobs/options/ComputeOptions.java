package org.i2lspark.jobs.options;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.Map;
import org.i2lspark.BatchShape;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.torch.TorchDevice;
import picocli.CommandLine.Option;

/** With which checkpoints, and on what, to compute. */
public final class ComputeOptions implements Serializable {
    private static final long serialVersionUID = 1;
    private static final int CPU_BATCH = 8;
    private static final int GPU_BATCH = 32;

    @Option(
            names = "--models",
            required = true,
            paramLabel = "URI",
            description = {
                "Folder of checkpoints, laid out as on the hub (DiffSynth-Studio/…); see README.md. generate also takes an "
                        + "hdfs: or s3a: URI, which each node copies once."
            })
    private String models;

    @Option(
            names = "--precision",
            defaultValue = "auto",
            // a name of its own: completion knows values by it
            paramLabel = "PRECISION",
            description = {
                "auto, float32 or bfloat16: in which the stack computes. auto is float32 on CPU, bfloat16 on GPU. Default: auto."
            })
    private PrecisionChoice precision;

    @Option(
            names = "--device",
            defaultValue = "auto",
            paramLabel = "DEVICE",
            description = "auto, cpu or gpu. auto takes a GPU if one is usable; gpu fails if none is. Default: auto.")
    private DeviceChoice device;

    @Bounds(min = 0)
    @Option(
            names = "--batch-size",
            defaultValue = "0",
            paramLabel = "N",
            description =
                    "Images embedded at once. Default: 0, which is " + CPU_BATCH + " on CPU, " + GPU_BATCH + " on GPU.")
    private int batchSize;

    @Option(
            names = "--gpu-memory",
            converter = ByteSize.class,
            paramLabel = "SIZE",
            description = {
                "Memory that the stack is planned to use of each GPU, such as 8g. Where the checkpoints do not fit, encoders and "
                        + "decoders take turns, or weights pass through the memory block by block. Default: what is free, less a tenth."
            })
    private Long gpuMemory;

    @Option(
            names = "--host-memory",
            converter = ByteSize.class,
            paramLabel = "SIZE",
            description = {
                "Memory of a machine that images and LoRAs on their way may use, such as 2g; what is larger alone goes alone. "
                        + "Default: 4g, less on a small Java heap."
            })
    private Long hostMemory;

    @Option(
            names = "--reproducible",
            description = {
                "Compute each image and each style alone, so that the bytes of a style's LoRA depend neither on which others are "
                        + "computed with it nor on --batch-size. Takes longer."
            })
    private boolean reproducible;

    /** The folder of checkpoints: a URI, or an absolute path. */
    public String models() {
        return LocalFolders.qualified(models);
    }

    /**
     * The folder of checkpoints of a command that works on this machine.
     *
     * @throws UnusableException if it is elsewhere
     */
    public Path localModels() throws UnusableException {
        return LocalFolders.require("--models", models);
    }

    /**
     * Decides what was left open, by what this process can do.
     *
     * @param gpu index of the GPU, if one is used
     * @throws UnusableException if it has no libtorch, or not the device that is asked for
     */
    public StackSettings settle(ModelChoice choice, int gpu) throws UnusableException {
        try {
            TorchDevice found = device.resolve(gpu);
            int usualBatch = found.isCpu() ? CPU_BATCH : GPU_BATCH;
            return new StackSettings(
                    models(),
                    choice,
                    found.isCpu() ? DeviceChoice.CPU : DeviceChoice.GPU,
                    precision.on(found),
                    batchSize > 0 ? batchSize : usualBatch,
                    reproducible ? BatchShape.ONE_BY_ONE : BatchShape.AS_FILLED,
                    gpuMemory == null ? 0 : gpuMemory,
                    hostMemory == null ? 0 : hostMemory);
        } catch (IOException e) {
            throw new UnusableException(Problems.describe(e), e);
        }
    }

    /** The same folder of checkpoints, device, precision and memory, for pictures. */
    public PictureStackChoice forPictures() {
        return new PictureStackChoice(models(), device, precision, 0, gpuMemory == null ? 0 : gpuMemory);
    }

    void putInto(Map<String, String> map) {
        map.put("models", models());
        map.put("precision", GenerateOptions.lower(precision));
        map.put("device", GenerateOptions.lower(device));
        map.put("batch-size", batchSize == 0 ? "auto" : String.valueOf(batchSize));
        map.put("reproducible", String.valueOf(reproducible));
        map.put("gpu-memory", gpuMemory == null ? "auto" : String.valueOf(gpuMemory));
        map.put("host-memory", hostMemory == null ? "auto" : String.valueOf(hostMemory));
    }
}
