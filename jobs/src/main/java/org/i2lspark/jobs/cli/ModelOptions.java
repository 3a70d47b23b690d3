package org.i2lspark.jobs.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.DeviceChoice;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.storage.ImageSource;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;
import picocli.CommandLine.Option;

/** The options that all commands share that run the stack. */
final class ModelOptions {

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
            names = "--variants",
            split = ",",
            defaultValue = "style",
            paramLabel = "VARIANT",
            description = {
                "What to take up of an image, merged in this order: style (strokes, colours), coarse (content), "
                        + "fine (detail; needs coarse), bias (corrects towards Qwen-Image's look). Default: style."
            })
    private List<String> variants;

    @Option(
            names = "--precision",
            paramLabel = "TYPE",
            description = "float32 or bfloat16: in which the stack computes. Default: float32 on CPU, bfloat16 on GPU.")
    private FloatType precision;

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
            names = "--lora-dtype",
            defaultValue = "bfloat16",
            paramLabel = "TYPE",
            description = "float32 or bfloat16: in which LoRAs are written. Default: bfloat16.")
    private FloatType loraType;

    @Option(
            names = "--key-format",
            defaultValue = "comfyui",
            converter = LoraCommand.KeyFormatConverter.class,
            paramLabel = "FORMAT",
            description = {
                "Tensor names: comfyui (diffusion_model.transformer_blocks.N.M.lora_A.weight) or "
                        + "diffsynth (transformer_blocks.N.M.lora_A.default.weight); also diffusers and kohya. Default: comfyui."
            })
    private KeyFormat keyFormat;

    @Option(
            names = "--rank",
            defaultValue = "0",
            paramLabel = "R",
            description = {
                "Reduce LoRAs of a higher rank to this one (truncated SVD); the relative error goes into the file and the manifest.",
                "Default: keep the rank, 4 for each image and variant."
            })
    private int rank;

    @Option(
            names = "--device",
            defaultValue = "auto",
            paramLabel = "DEVICE",
            description = "auto, cpu or gpu. auto takes a GPU if one is usable; gpu fails if none is. Default: auto.")
    private DeviceChoice device;

    @Option(
            names = "--batch-size",
            defaultValue = "0",
            paramLabel = "N",
            description = "Images embedded at once. Default: 8 on CPU, 32 on GPU.")
    private int batchSize;

    @Option(
            names = "--max-pixels",
            defaultValue = "" + ImageDecoder.DEFAULT_MAX_PIXELS,
            paramLabel = "N",
            description = "Larger images are refused before they are decoded. Default: ${DEFAULT-VALUE}.")
    private long maxPixels;

    @Option(
            names = "--max-images-per-style",
            defaultValue = "64",
            paramLabel = "N",
            description =
                    "Styles of more images are refused; the rank is 4 for each image and variant. Default: ${DEFAULT-VALUE}.")
    private int maxImagesPerStyle;

    String models() {
        return models;
    }

    private static ElementType elementType(FloatType type) {
        return type == null ? null : type.elementType();
    }

    /**
     * The options as a job takes them.
     *
     * @throws UnusableException if a value is out of range
     */
    GenerateOptions toOptions(String catalog, String output, ImageSource.Rules rules, boolean retryFailed, double ratio)
            throws UnusableException {
        if (batchSize < 0) {
            throw new UnusableException("Invalid --batch-size: %d (expected 1 or more)".formatted(batchSize));
        }
        if (maxImagesPerStyle < 1) {
            throw new UnusableException(
                    "Invalid --max-images-per-style: %d (expected 1 or more)".formatted(maxImagesPerStyle));
        }
        if (rank < 0) {
            throw new UnusableException("Invalid --rank: %d (expected 1 or more)".formatted(rank));
        }
        if (keyFormat == KeyFormat.PEFT) {
            throw new UnusableException(
                    "Invalid --key-format: peft (PEFT reads a folder with a config; make one with 'i2l lora convert')");
        }
        valid(() -> new ImageDecoder(maxPixels));
        return new GenerateOptions(
                catalog,
                isUri(models) ? models : Path.of(models).toAbsolutePath().toString(),
                output,
                valid(() -> Variant.of(variants)),
                elementType(precision),
                imagePositions,
                elementType(loraType),
                keyFormat,
                rank,
                device,
                batchSize,
                maxPixels,
                maxImagesPerStyle,
                rules,
                retryFailed,
                ratio);
    }

    /** The options of a command that reads local images. */
    GenerateOptions toLocalOptions() throws UnusableException {
        if (isUri(models)) {
            throw new UnusableException("Invalid --models: %s (expected a local folder)".formatted(models));
        }
        return toOptions("", "", new ImageSource.Rules(false, null, "file", Integer.MAX_VALUE), false, 1);
    }

    /** What is made of options' values; its maker says which are valid. */
    private static <T> T valid(Supplier<T> ofValues) throws UnusableException {
        try {
            return ofValues.get();
        } catch (IllegalArgumentException e) {
            throw new UnusableException(e.getMessage(), e);
        }
    }

    private static boolean isUri(String text) {
        return text.matches("[a-zA-Z][a-zA-Z0-9+.-]+:/.*");
    }
}
