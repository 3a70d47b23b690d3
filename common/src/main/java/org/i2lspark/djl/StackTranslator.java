package org.i2lspark.djl;

import ai.djl.ndarray.NDList;
import ai.djl.translate.Batchifier;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorContext;
import java.util.List;
import java.util.function.Function;

/**
 * What of a batch goes into the stack and comes out. The images do not pass through arrays of DJL's: a {@link StackPredictor}
 * runs it.
 */
final class StackTranslator<I, O> implements Translator<I, O> {
    private final Function<I, List<SourceImage>> style;
    private final Function<StyleBatch, List<O>> results;

    /**
     * A translator, which has no state and may serve several predictors.
     *
     * @param style the images of an input
     * @param results for each style of a batch
     */
    StackTranslator(Function<I, List<SourceImage>> style, Function<StyleBatch, List<O>> results) {
        this.style = style;
        this.results = results;
    }

    List<SourceImage> style(I input) {
        return style.apply(input);
    }

    List<O> results(StyleBatch batch) {
        return results.apply(batch);
    }

    /** {@inheritDoc} There is none: a batch is no stack of arrays. */
    @Override
    public Batchifier getBatchifier() {
        return null;
    }

    @Override
    public NDList processInput(TranslatorContext context, I input) {
        throw notByArrays();
    }

    @Override
    public O processOutput(TranslatorContext context, NDList list) {
        throw notByArrays();
    }

    private static UnsupportedOperationException notByArrays() {
        return new UnsupportedOperationException(
                "Not supported! Only predictors of models of the engine I2L run this translator");
    }
}
