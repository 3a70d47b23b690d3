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
     * @param images of its style
     * @param imageHashes SHA-256 of each image file, in hex; empty if the images are no files
     */
    public Map<String, String> of(Lora lora, int images, List<String> imageHashes) {
        Map<String, String> metadata = new TreeMap<>();
        metadata.put("format", "pt");
        metadata.put("i2l.software", "i2l-spark " + Version.text());
        metadata.put("i2l.libtorch", Torch.library().build());
        metadata.put("i2l.base_model", baseModel.hubId());
        baseModel.recommendedUse().forEach((name, value) -> metadata.put("i2l.recommended." + name, value));
        metadata.put("i2l.variants", variants.stream().sorted().map(Variant::id).collect(Collectors.joining(",")));
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
}
