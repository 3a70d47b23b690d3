package org.i2lspark.djl;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.i2lspark.BatchShape;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TorchDevice;

/**
 * The arguments of a model, which {@link I2lTranslatorFactory} explains.
 *
 * @param precision empty for what suits the device
 * @param batchSize 0 for what is usual on the device
 * @param rank 0 for none
 * @param gpuMemory bytes; 0 for what is free
 */
record StackArguments(
        BaseModel baseModel,
        Set<Variant> variants,
        Optional<ElementType> precision,
        ImagePositions imagePositions,
        int batchSize,
        BatchShape batchShape,
        long gpuMemory,
        KeyFormat keyFormat,
        ElementType loraType,
        int rank,
        long maxPixels,
        int maxImageBytes,
        int maxImagesPerStyle,
        String decoderMemory,
        Embedding embedding,
        BadImage badImage) {
    private static final int CPU_BATCH = 8;
    private static final int GPU_BATCH = 32;
    private static final List<ElementType> FLOATS = List.of(ElementType.FLOAT32, ElementType.BFLOAT16);

    /** Which embedding of an image is asked for. */
    enum Embedding {
        SIGLIP2,
        DINOV3,
        BOTH;

        float[] of(ImageEmbedding image) {
            return switch (this) {
                case SIGLIP2 -> image.siglip2();
                case DINOV3 -> image.dinov3();
                case BOTH -> image.style();
            };
        }
    }

    /** What comes of a batch with an image that cannot be used. */
    enum BadImage {
        FAIL,
        NULL
    }

    /**
     * Reads the arguments of a model; others, as DJL itself has them, are of no account.
     *
     * @throws IllegalArgumentException if one is invalid, naming it and what was expected
     */
    static StackArguments of(Map<String, ?> given) {
        Values values = new Values(given);
        return new StackArguments(
                BaseModel.of(values.text("baseModel", BaseModel.QWEN_IMAGE.id())),
                Variant.of(List.of(values.text("variants", Variant.STYLE.id()).split(","))),
                Optional.of(values.text("precision", "auto"))
                        .filter(text -> !text.equals("auto"))
                        .map(text -> values.constant("precision", FLOATS, ElementType.FLOAT32)),
                values.constant("imagePositions", List.of(ImagePositions.values()), ImagePositions.GRID),
                (int) values.number("batchSize", 0, 0, Integer.MAX_VALUE),
                values.constant("reproducible", List.of(Reproducible.values()), Reproducible.FALSE)
                        .shape(),
                values.number("gpuMemory", 0, 0, Long.MAX_VALUE),
                values.constant(
                        "keyFormat",
                        Arrays.stream(KeyFormat.values())
                                // PEFT reads a folder with a config
                                .filter(format -> format != KeyFormat.PEFT)
                                .toList(),
                        KeyFormat.COMFYUI),
                values.constant("loraDtype", FLOATS, ElementType.BFLOAT16),
                (int) values.number("rank", 0, 0, Integer.MAX_VALUE),
                values.number("maxPixels", ImageDecoder.DEFAULT_MAX_PIXELS, 1, Integer.MAX_VALUE / 3),
                (int) values.number("maxImageBytes", 100 << 20, 1, Integer.MAX_VALUE),
                (int) values.number("maxImagesPerStyle", 64, 1, Integer.MAX_VALUE),
                values.text("decoderMemory", "2g"),
                values.constant("embedding", List.of(Embedding.values()), Embedding.BOTH),
                values.constant("badImage", List.of(BadImage.values()), BadImage.FAIL));
    }

    ElementType precisionOn(TorchDevice device) {
        return precision.orElse(device.isCpu() ? ElementType.FLOAT32 : ElementType.BFLOAT16);
    }

    int batchSizeOn(TorchDevice device) {
        int usual = device.isCpu() ? CPU_BATCH : GPU_BATCH;
        return batchSize == 0 ? usual : batchSize;
    }

    private enum Reproducible {
        TRUE(BatchShape.ONE_BY_ONE),
        FALSE(BatchShape.AS_FILLED);

        private final BatchShape shape;

        Reproducible(BatchShape shape) {
            this.shape = shape;
        }

        BatchShape shape() {
            return shape;
        }
    }

    /** Arguments as Java objects or, of a URL or a file, as text. */
    private record Values(Map<String, ?> given) {
        String text(String name, String otherwise) {
            Object value = given.get(name);
            return value == null ? otherwise : value.toString();
        }

        long number(String name, long otherwise, long least, long most) {
            String text = text(name, String.valueOf(otherwise));
            try {
                long number = Long.parseLong(text);
                if (number >= least && number <= most) {
                    return number;
                }
            } catch (NumberFormatException e) {
                throw invalid(name, text, "a whole number", e);
            }
            throw invalid(name, text, "from %d to %d".formatted(least, most), null);
        }

        <E extends Enum<E>> E constant(String name, List<E> constants, E otherwise) {
            String text = text(name, id(otherwise));
            return constants.stream()
                    .filter(constant -> id(constant).equals(text))
                    .findFirst()
                    .orElseThrow(() -> invalid(
                            name,
                            text,
                            "one of: " + constants.stream().map(Values::id).collect(Collectors.joining(", ")),
                            null));
        }

        private static String id(Enum<?> constant) {
            return constant.name().toLowerCase(Locale.ROOT);
        }

        private static IllegalArgumentException invalid(String name, String value, String expected, Throwable cause) {
            return new IllegalArgumentException(
                    "Invalid argument %s: '%s' (expected %s)".formatted(name, value, expected), cause);
        }
    }
}
