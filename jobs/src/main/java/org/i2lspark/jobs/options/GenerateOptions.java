package org.i2lspark.jobs.options;

import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.Path;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.jobs.catalog.Catalog;
import org.i2lspark.jobs.storage.ImageSource;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;

/**
 * What a run is asked to do.
 *
 * @param models URI of the folder of checkpoints; a local one lies on every machine that runs the stack
 * @param output URI of the folder for LoRAs and manifest
 * @param precision in which the stack computes; null for float32 on the CPU and bfloat16 on a GPU
 * @param imagePositions of image cells in Qwen2.5-VL
 * @param rank to which LoRAs are reduced; 0 for none
 * @param batchSize images embedded at once; 0 for 8 on the CPU and 32 on a GPU
 * @param maxPixels larger images are refused
 * @param maxImagesPerStyle styles of more images are refused
 * @param imageRules which images may be read
 * @param retryFailed whether styles that failed before are tried again though nothing has changed
 * @param maxFailedRatio the run is stopped when more than this share of the styles fails; 1 for never
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
        int maxImagesPerStyle,
        ImageSource.Rules imageRules,
        boolean retryFailed,
        double maxFailedRatio)
        implements Serializable {

    /** A root below which nothing lies. */
    private static final String NOWHERE = "/dev/null";

    /** Names of the variants, in their fixed order. */
    public String variantText() {
        return variants.stream().sorted().map(Variant::id).collect(Collectors.joining(","));
    }

    /**
     * The same options as executors need them.
     *
     * @param outputUri with scheme
     */
    public GenerateOptions qualified(String outputUri, Catalog read) {
        Path folder = read.imagesFolder();
        boolean localTable = read.isTable() && read.path().toUri().getScheme().equals("file");
        String usualRoot = localTable ? folder.toUri().getPath() : NOWHERE;
        String root = !read.isTable() ? null : imageRules.localRoot() == null ? usualRoot : imageRules.localRoot();
        return new GenerateOptions(
                read.path().toString(),
                models,
                outputUri,
                variants,
                precision,
                imagePositions,
                loraType,
                keyFormat,
                rank,
                device,
                batchSize,
                maxPixels,
                maxImagesPerStyle,
                new ImageSource.Rules(
                        imageRules.allowHttp(), root, read.path().toUri().getScheme(), imageRules.maxBytes()),
                retryFailed,
                maxFailedRatio);
    }

    /** What images are held to: a style that failed may pass under others. */
    public String limits() {
        return "pixels %d, bytes %d, memory %s"
                .formatted(maxPixels, imageRules.maxBytes(), Setting.DECODER_MEMORY.value());
    }

    /** The options as a manifest shows them. */
    public Map<String, String> toMap() {
        Map<String, String> map = new LinkedHashMap<>();
        map.put("catalog", catalog);
        map.put("models", models);
        map.put("output", output);
        map.put("variants", variantText());
        map.put("precision", precision == null ? "auto" : lower(precision));
        map.put("image-positions", imagePositions.id());
        map.put("lora-dtype", lower(loraType));
        map.put("key-format", lower(keyFormat));
        map.put("rank", rank == 0 ? "full" : String.valueOf(rank));
        map.put("device", lower(device));
        map.put("batch-size", batchSize == 0 ? "auto" : String.valueOf(batchSize));
        map.put("max-pixels", String.valueOf(maxPixels));
        map.put("max-images-per-style", String.valueOf(maxImagesPerStyle));
        map.put("max-image-bytes", String.valueOf(imageRules.maxBytes()));
        map.put("allow-http", String.valueOf(imageRules.allowHttp()));
        map.put("retry-failed", String.valueOf(retryFailed));
        map.put("max-failed-ratio", String.valueOf(maxFailedRatio));
        return map;
    }

    public static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }
}
