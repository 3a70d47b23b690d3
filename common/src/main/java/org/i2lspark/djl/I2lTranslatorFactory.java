package org.i2lspark.djl;

import ai.djl.Model;
import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.modality.cv.Image;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorFactory;
import ai.djl.util.Pair;
import java.io.Serializable;
import java.lang.reflect.Type;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Makes the translators of models of the engine {@code I2L}, by the types of input and output:
 *
 * <ul>
 *   <li>{@code byte[]}, an image file, or an {@link Image} to {@code byte[]}: the safetensors file of its LoRA;
 *   <li>{@code byte[][]}, image files of one style in order, to {@code byte[]}: the safetensors file of their LoRA;
 *   <li>{@code byte[]} or an {@link Image} to {@code float[]}: its embedding, of the argument {@code embedding};
 *   <li>{@link Input} to {@link Output}, as DJL Serving has them: an image file to a LoRA.
 * </ul>
 *
 * <p>The arguments of such a model, each of which may stand in the query of its URL too, and all but the last four as options
 * of the command {@code image-to-lora} of a similar name:
 *
 * <ul>
 *   <li>{@code baseModel}: {@code qwen-image}, {@code z-image} or {@code z-image-omni-base}, the command's {@code --model};
 *       qwen-image if not given
 *   <li>{@code variants}: {@code style}, {@code coarse}, {@code fine}, {@code bias}, with commas between; style if not given
 *   <li>{@code precision}: {@code float32} or {@code bfloat16}, or {@code auto}, which is bfloat16 on a GPU
 *   <li>{@code imagePositions}: {@code grid} or {@code sequential}
 *   <li>{@code keyFormat}: {@code comfyui}, {@code diffsynth}, {@code diffusers} or {@code kohya}
 *   <li>{@code loraDtype}: {@code bfloat16} or {@code float32}
 *   <li>{@code rank}: to which LoRAs of a higher one are reduced; 0 for none
 *   <li>{@code batchSize}: images embedded at once at most; 8 on the CPU and 32 on a GPU if not given
 *   <li>{@code reproducible}: {@code true} to compute each image and style alone, so that its bytes depend on none beside it
 *   <li>{@code gpuMemory}: bytes of a GPU's memory to use; nine tenths of what is free if not given
 *   <li>{@code maxPixels}, {@code maxImageBytes}, {@code maxImagesPerStyle}: limits of images
 *   <li>{@code decoderMemory}: of each process that decodes images, such as {@code 2g}
 *   <li>{@code embedding}: {@code siglip2}, {@code dinov3}, or {@code both}, one after the other
 *   <li>{@code badImage}: {@code fail} to end a batch with a bad image in it by a {@link ai.djl.translate.TranslateException},
 *       {@code null} to give null in its place and go on
 * </ul>
 */
public final class I2lTranslatorFactory implements TranslatorFactory, Serializable {
    private static final long serialVersionUID = 1;

    private static final Map<Pair<Type, Type>, StackTranslator<?, ?>> TRANSLATORS = translators();

    private static Map<Pair<Type, Type>, StackTranslator<?, ?>> translators() {
        Map<Pair<Type, Type>, StackTranslator<?, ?>> all = new LinkedHashMap<>();
        add(all, byte[].class, byte[].class, new StackTranslator<>(SourceImage::ofFile, StyleBatch::loras));
        add(all, byte[][].class, byte[].class, new StackTranslator<>(SourceImage::ofFiles, StyleBatch::loras));
        add(all, Image.class, byte[].class, new StackTranslator<>(SourceImage::ofImage, StyleBatch::loras));
        add(all, byte[].class, float[].class, new StackTranslator<>(SourceImage::ofFile, StyleBatch::embeddings));
        add(all, Image.class, float[].class, new StackTranslator<>(SourceImage::ofImage, StyleBatch::embeddings));
        add(all, Input.class, Output.class, new StackTranslator<>(SourceImage::ofRequest, StyleBatch::responses));
        return all;
    }

    private static <I, O> void add(
            Map<Pair<Type, Type>, StackTranslator<?, ?>> all,
            Class<I> input,
            Class<O> output,
            StackTranslator<I, O> translator) {
        all.put(new Pair<>(input, output), translator);
    }

    @Override
    public Set<Pair<Type, Type>> getSupportedTypes() {
        return TRANSLATORS.keySet();
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if the types are none of {@link #getSupportedTypes}
     */
    @Override
    @SuppressWarnings("unchecked")
    public <I, O> Translator<I, O> newInstance(Class<I> input, Class<O> output, Model model, Map<String, ?> arguments) {
        StackTranslator<?, ?> translator = TRANSLATORS.get(new Pair<Type, Type>(input, output));
        if (translator == null) {
            throw new IllegalArgumentException("Cannot translate %s to %s (expected one of: %s)"
                    .formatted(input.getTypeName(), output.getTypeName(), names()));
        }
        return (Translator<I, O>) translator;
    }

    private static List<String> names() {
        return TRANSLATORS.keySet().stream()
                .map(types ->
                        types.getKey().getTypeName() + " to " + types.getValue().getTypeName())
                .toList();
    }
}
