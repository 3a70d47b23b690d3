package org.i2lspark;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.ModelSpec;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.Torch;

/**
 * What the LoRA files of a stack say of themselves in {@code __metadata__}. Nothing in it changes from run to run of one
 * installation.
 *
 * @param imagePositions empty if Qwen2.5-VL does not look at the images
 * @param checkpoints as {@link org.i2lspark.model.I2lModel#fingerprints} gives them
 */
public record LoraMetadata(
        BaseModel baseModel,
        Set<Variant> variants,
        Optional<ImagePositions> imagePositions,
        Map<String, String> checkpoints) {
    /**
     * The metadata of one LoRA.
     *
     * @param title for people; empty where the LoRA has no name of its own
     * @param images of its style
     * @param imageHashes SHA-256 of each image file, in hex; empty if the images are no files
     */
    public Map<String, String> of(Lora lora, Optional<String> title, int images, List<String> imageHashes) {
        Map<String, String> metadata = modelSpec(title, images);
        metadata.put("format", "pt");
        metadata.put("i2l.software", "i2l-spark " + Version.text());
        metadata.put("i2l.libtorch", Torch.library().build());
        metadata.put("i2l.base_model", baseModel.hubId());
        baseModel.recommendedUse().forEach((name, value) -> metadata.put("i2l.recommended." + name, value));
        metadata.put("i2l.variants", variantText(","));
        imagePositions.ifPresent(positions -> metadata.put("i2l.image_positions", positions.id()));
        metadata.put("i2l.rank", String.valueOf(lora.rank()));
        metadata.put("i2l.images", String.valueOf(images));
        if (!imageHashes.isEmpty()) {
            metadata.put("i2l.image_sha256", String.join(",", imageHashes));
        }
        metadata.put(
                "i2l.checkpoints",
                new TreeMap<>(checkpoints)
                        .entrySet().stream()
                                .map(entry -> entry.getKey() + "=" + entry.getValue())
                                .collect(Collectors.joining(",")));
        lora.reduction().ifPresent(lost -> metadata.putAll(lost.metadata()));
        return metadata;
    }

    /** What programs that manage LoRAs show of them: Stability AI's ModelSpec, and kohya's name of the base model. */
    private Map<String, String> modelSpec(Optional<String> title, int images) {
        ModelSpec spec = baseModel.modelSpec();
        String source = "%d %s".formatted(images, images == 1 ? "image" : "images");
        String made = "%s image-to-LoRA (%s) of %s".formatted(baseModel.id(), variantText(", "), source);
        Map<String, String> metadata = new TreeMap<>();
        metadata.put("modelspec.sai_model_spec", "1.0.0");
        metadata.put("modelspec.architecture", spec.architecture());
        metadata.put("modelspec.implementation", spec.implementation());
        metadata.put("modelspec.title", title.orElse("LoRA of " + source));
        metadata.put("modelspec.description", made);
        metadata.put("modelspec.usage_hint", usageHint());
        metadata.put("ss_base_model_version", spec.managed());
        return metadata;
    }

    private String usageHint() {
        Map<String, String> use = baseModel.recommendedUse();
        String hint = "strength 1, no trigger word";
        return use.isEmpty()
                ? hint
                : "%s, on the positive prompt's side of the guidance; CFG scale %s, %s steps, sigma shift %s"
                        .formatted(hint, use.get("cfg_scale"), use.get("steps"), use.get("sigma_shift"));
    }

    private String variantText(String separator) {
        return variants.stream().sorted().map(Variant::id).collect(Collectors.joining(separator));
    }
}
