package org.i2lspark.jobs.options;

import java.nio.file.Path;
import org.i2lspark.jobs.UnusableException;
import picocli.CommandLine.Option;

/** With which checkpoints pictures are to be made, and on what. */
public final class PictureStackOptions {
    @Option(
            names = "--models",
            required = true,
            paramLabel = "URI",
            description = "Folder of checkpoints, laid out as on the hub, that has Qwen/Qwen-Image/; see README.md.")
    private String models;

    @Option(
            names = "--precision",
            defaultValue = "auto",
            paramLabel = "PRECISION",
            description =
                    "auto, float32 or bfloat16: in which pictures are computed. auto is float32 on CPU, bfloat16 on GPU. Default: auto.")
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
            description = "Pictures made at once. Default: 0, which is " + PictureStackChoice.CPU_BATCH + " on CPU, "
                    + PictureStackChoice.GPU_BATCH + " on GPU.")
    private int batchSize;

    @Option(
            names = "--gpu-memory",
            converter = ByteSize.class,
            paramLabel = "SIZE",
            description = {
                "Memory that is planned to be used of each GPU, such as 8g. Where the checkpoints do not fit, text encoder and transformer "
                        + "take turns, or weights pass through the memory block by block. Default: what is free, less a tenth."
            })
    private Long gpuMemory;

    /** The folder of checkpoints as it was named. */
    public String models() {
        return models;
    }

    /**
     * The folder of checkpoints of a command that works on this machine.
     *
     * @throws UnusableException if it is elsewhere
     */
    public Path localModels() throws UnusableException {
        return LocalFolders.require("--models", models);
    }

    public PictureStackChoice choice() {
        return new PictureStackChoice(
                LocalFolders.qualified(models), device, precision, batchSize, gpuMemory == null ? 0 : gpuMemory);
    }
}
