package org.i2lspark.jobs.options;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.ModelInput;
import org.i2lspark.model.Variant;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What LoRAs are to be made for and of, with which checkpoints and on what. */
public final class StackOptions {
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
            names = "--image-positions",
            defaultValue = "grid",
            paramLabel = "WAY",
            description = {
                "For coarse and fine: grid places an image's cells in rows and columns (M-RoPE), as when the released decoders "
                        + "were made; sequential places them one after the other, to get what DiffSynth-Studio gives on transformers 5.3 "
                        + "and later. Default: grid."
            })
    private ImagePositions imagePositions;

    @Mixin
    private ComputeOptions compute;

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

    public ComputeOptions compute() {
        return compute;
    }

    public Set<Variant> variants() {
        return Variant.of(List.of(variants));
    }

    /** What is chosen, for one of the models. */
    public ModelChoice choice(BaseModel baseModel, ModelInput input) {
        return new ModelChoice(baseModel, variants(), imagePositions, input);
    }

    /**
     * Decides what was left open for a command that makes LoRAs of images, for one model, in this process.
     *
     * @throws UnusableException if several models were named, or the process has no libtorch, or not the device that is asked for
     */
    public StackSettings settle() throws UnusableException {
        return compute.settle(choice(baseModel(), ModelInput.IMAGES), 0);
    }

    /**
     * Puts what was chosen into a manifest's options.
     *
     * @param baseModel of this run
     */
    void putInto(Map<String, String> map, BaseModel baseModel) {
        map.put("model", baseModel.id());
        map.put("variants", StackSettings.text(variants()));
        map.put("image-positions", imagePositions.id());
        compute.putInto(map);
    }
}
