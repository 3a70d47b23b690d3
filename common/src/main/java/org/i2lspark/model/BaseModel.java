package org.i2lspark.model;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.i2lspark.lora.Transformer;

/** The image models that LoRAs can be made for, and where the checkpoints that make them lie in a model folder. */
public enum BaseModel {
    QWEN_IMAGE("Qwen/Qwen-Image", "DiffSynth-Studio/Qwen-Image-i2L/"),
    Z_IMAGE("Tongyi-MAI/Z-Image", "DiffSynth-Studio/Z-Image-i2L/"),
    /** Has checkpoints of the same layout as {@link #Z_IMAGE}: only their place tells the two apart. */
    Z_IMAGE_OMNI_BASE("Tongyi-MAI/Z-Image-Omni-Base", "DiffSynth-Studio/Z-Image-Omni-Base-i2L/");

    /** As in DiffSynth-Studio's examples, Z-Image-i2L.py and Z-Image-Omni-Base-i2L.py. */
    private static final String NEGATIVE_PROMPT =
            "泛黄，发绿，模糊，低分辨率，低质量图像，扭曲的肢体，诡异的外观，丑陋，AI感，噪点，网格感，JPEG压缩条纹，异常的肢体，水印，乱码，意义不明的字符";

    private final String hubId;
    private final String folder;

    BaseModel(String hubId, String folder) {
        this.hubId = hubId;
        this.folder = folder;
    }

    /**
     * The model of this name.
     *
     * @throws IllegalArgumentException if there is none, naming those that there are
     */
    public static BaseModel of(String id) {
        return Arrays.stream(values())
                .filter(model -> model.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("Invalid model: '%s' (expected one of: %s)"
                        .formatted(
                                id, Arrays.stream(values()).map(BaseModel::id).collect(Collectors.joining(", ")))));
    }

    /** The name on the command line and in the manifest. */
    public String id() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Its name on the hub. */
    public String hubId() {
        return hubId;
    }

    /** What its LoRAs say of themselves to programs that manage LoRAs. */
    public ModelSpec modelSpec() {
        return switch (this) {
            case QWEN_IMAGE -> new ModelSpec("qwen-image/lora", "https://github.com/QwenLM/Qwen-Image", "Qwen");
            case Z_IMAGE, Z_IMAGE_OMNI_BASE ->
                new ModelSpec("z-image/lora", "https://github.com/Tongyi-MAI/Z-Image", "ZImageBase");
        };
    }

    /**
     * How the authors use its LoRAs, by DiffSynth-Studio's examples; empty where they use them as any other. To apply a LoRA
     * to the positive prompt's side of the guidance alone is something that stock loaders cannot do.
     */
    public Map<String, String> recommendedUse() {
        return switch (this) {
            case QWEN_IMAGE -> Map.of();
            case Z_IMAGE -> use(4);
            case Z_IMAGE_OMNI_BASE -> use(7);
        };
    }

    private static Map<String, String> use(int guidance) {
        return Map.of(
                "guidance_side", "positive",
                "cfg_scale", String.valueOf(guidance),
                "sigma_shift", "8",
                "steps", "50",
                "negative_prompt", NEGATIVE_PROMPT);
    }

    /** The layers that its LoRAs adapt. */
    public Transformer transformer() {
        return switch (this) {
            case QWEN_IMAGE -> Transformer.QWEN_IMAGE;
            case Z_IMAGE, Z_IMAGE_OMNI_BASE -> Transformer.Z_IMAGE;
        };
    }

    /** The variants that it has. */
    public Set<Variant> variants() {
        return switch (this) {
            case QWEN_IMAGE -> EnumSet.allOf(Variant.class);
            case Z_IMAGE, Z_IMAGE_OMNI_BASE -> EnumSet.of(Variant.STYLE);
        };
    }

    /** Where a variant's decoder, or the Bias, lies in a model folder. */
    public String path(Variant variant) {
        return switch (this) {
            case QWEN_IMAGE -> folder + title(variant) + ".safetensors";
            case Z_IMAGE, Z_IMAGE_OMNI_BASE -> folder + "model.safetensors";
        };
    }

    /** The released checkpoint of that layout. */
    ReleasedCheckpoint released(Variant variant) {
        return switch (this) {
            case QWEN_IMAGE ->
                switch (variant) {
                    case STYLE -> ReleasedCheckpoint.I2L_STYLE;
                    case COARSE -> ReleasedCheckpoint.I2L_COARSE;
                    case FINE -> ReleasedCheckpoint.I2L_FINE;
                    case BIAS -> throw new IllegalArgumentException("A Bias is known by the others' sizes");
                };
            case Z_IMAGE, Z_IMAGE_OMNI_BASE -> ReleasedCheckpoint.Z_IMAGE_I2L;
        };
    }

    /** The name under which that checkpoint was released. */
    String title(Variant variant) {
        return switch (this) {
            case QWEN_IMAGE ->
                switch (variant) {
                    case STYLE -> "Qwen-Image-i2L-Style";
                    case COARSE -> "Qwen-Image-i2L-Coarse";
                    case FINE -> "Qwen-Image-i2L-Fine";
                    case BIAS -> "Qwen-Image-i2L-Bias";
                };
            case Z_IMAGE -> "Z-Image-i2L";
            case Z_IMAGE_OMNI_BASE -> "Z-Image-Omni-Base-i2L";
        };
    }
}
