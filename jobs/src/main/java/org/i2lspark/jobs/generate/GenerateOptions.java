package org.i2lspark.jobs.generate;

import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;

/**
 * What a run is asked to do.
 *
 * @param models folder of checkpoints, on every machine that runs the stack
 * @param output URI of the folder for LoRAs and manifest
 * @param precision in which the stack computes; null for float32 on the CPU and bfloat16 on a GPU
 * @param imagePositions of image cells in Qwen2.5-VL
 * @param rank to which LoRAs are reduced; 0 for none
 * @param batchSize images embedded at once; 0 for 8 on the CPU and 32 on a GPU
 * @param maxPixels larger images are refused
 * @param maxImagesPerStyle styles of more images are refused
 */
public record GenerateOptions(
        String catalog,
        String models,
        String output,
        Set<Variant> variants,
        ElementType precision,
        ImagePositions imagePositions,
        ElementType loraType,
        KeyFormat keyFormat,
        int rank,
        DeviceChoice device,
        int batchSize,
        long maxPixels,
        int maxImagesPerStyle)
        implements Serializable {

    /** Names of the variants, in their fixed order. */
    public String variantText() {
        return variants.stream().sorted().map(Variant::id).collect(Collectors.joining(","));
    }

    /** The same options with another output. */
    GenerateOptions withOutput(String uri) {
        return new GenerateOptions(
                catalog,
                models,
                uri,
                variants,
                precision,
                imagePositions,
                loraType,
                keyFormat,
                rank,
                device,
                batchSize,
                maxPixels,
                maxImagesPerStyle);
    }

    /** The options as a manifest shows them. */
    public Map<String, String> toMap() {
        Map<String, String> map = new LinkedHashMap<>();
        map.put("catalog", catalog);
        map.put("models", models);
        map.put("output", output);
        map.put("variants", variantText());
        map.put("precision", precision == null ? "auto" : lower(precision));
        map.put("image-positions", lower(imagePositions));
        map.put("lora-dtype", lower(loraType));
        map.put("key-format", lower(keyFormat));
        map.put("rank", rank == 0 ? "full" : String.valueOf(rank));
        map.put("device", lower(device));
        map.put("batch-size", batchSize == 0 ? "auto" : String.valueOf(batchSize));
        map.put("max-pixels", String.valueOf(maxPixels));
        map.put("max-images-per-style", String.valueOf(maxImagesPerStyle));
        return map;
    }

    static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }
}
