package org.i2lspark.jobs.options;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.i2lspark.BatchShape;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.TorchDevice;
import picocli.CommandLine.Option;

/** What is to be computed, with which checkpoints and on what. */
public final class StackOptions implements Serializable {
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
            names = "--model",
            split = ",",
            defaultValue = "qwen-image",
            converter = BaseModelConverter.class,
            paramLabel = "MODEL",
            description = {
                "The image model that LoRAs are for: qwen-image, z-image or z-image-omni-base; the latter two have the variant style "
                        + "only. generate also takes several, with commas between: images are embedded once. Default: qwen-image."
            })
    private BaseModel[] baseModels;

    @Option(
            names = "--variants",
            split = ",",
            defaultValue = "style",
            paramLabel = "VARIANT",
            description = {
                "What to take up of an image, merged in this order: style (strokes, colours), coarse (content), "
                        + "fine (detail; needs coarse), bias (corrects towards Qwen-Image's look). Default: style."
            })
    private String[] variants;

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
            names = "--image-positions",
            defaultValue = "grid",
            paramLabel = "WAY",
            description = {
                "For coarse and fine: grid places an image's cells in rows and columns (M-RoPE), as when the released decoders "
                        + "were made; sequential places them one after the other, to get what DiffSynth-Studio gives on transformers 5.3 "
                        + "and later. Default: grid."
            })
    private ImagePositions imagePositions;

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

    /**
     * Checks what can be without opening anything.
     *
     * @throws UnusableException if the variants make no sensible LoRA
     */
    public void check() throws UnusableException {
        try {
            for (BaseModel baseModel : baseModels) {
                requireVariants(baseModel);
            }
            if (baseModels().size() < baseModels.length) {
                throw new UnusableException("Invalid --model: one of them is named twice");
            }
        } catch (IllegalArgumentException e) {
            throw new UnusableException(e.getMessage(), e);
        }
    }

    private void requireVariants(BaseModel baseModel) throws UnusableException {
        for (Variant variant : variants()) {
            if (!baseModel.variants().contains(variant)) {
                throw new UnusableException("Invalid --variants: %s has no %s (expected of: %s)"
                        .formatted(baseModel.id(), variant.id(), StackSettings.text(baseModel.variants())));
            }
        }
    }

    /** The models that LoRAs are for, in the order in which they were named. */
    public List<BaseModel> baseModels() {
        return Stream.of(baseModels).distinct().toList();
    }

    /**
     * The model that LoRAs are for, of a command that makes them for one.
     *
     * @throws UnusableException if several were named
     */
    public BaseModel baseModel() throws UnusableException {
        if (baseModels.length > 1) {
            throw new UnusableException("Invalid --model: only generate takes several");
        }
        return baseModels[0];
    }

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

    public Set<Variant> variants() {
        return Variant.of(List.of(variants));
    }

    /**
     * Decides what was left open, by what this process can do.
     *
     * @param choice what LoRAs are to be made for, and from
     * @param gpu index of the GPU, if one is used
     * @throws UnusableException if it has no libtorch, or not the device that is asked for
     */
    public StackSettings settle(ModelChoice choice, int gpu) throws UnusableException {
        try {
            TorchDevice found = device.resolve(gpu);
            int usualBatch = found.isCpu() ? CPU_BATCH : GPU_BATCH;
            return new StackSettings(
                    models(),
                    choice.input(),
                    choice.baseModel(),
                    variants(),
                    imagePositions,
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
        map.put("model", baseModels().stream().map(BaseModel::id).collect(Collectors.joining(",")));
        map.put("variants", StackSettings.text(variants()));
        map.put("precision", GenerateOptions.lower(precision));
        map.put("image-positions", imagePositions.id());
        map.put("device", GenerateOptions.lower(device));
        map.put("batch-size", batchSize == 0 ? "auto" : String.valueOf(batchSize));
        map.put("reproducible", String.valueOf(reproducible));
        map.put("gpu-memory", gpuMemory == null ? "auto" : String.valueOf(gpuMemory));
        map.put("host-memory", hostMemory == null ? "auto" : String.valueOf(hostMemory));
    }
}
