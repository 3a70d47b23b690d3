package org.i2lspark.djl;

import ai.djl.Device;
import ai.djl.inference.Predictor;
import ai.djl.metric.Unit;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.util.List;

/** Runs batches on the stack of its model, which it shares with the model's other predictors. */
final class StackPredictor<I, O> extends Predictor<I, O> {
    private final StackModel stackModel;
    private final StackTranslator<I, O> stackTranslator;

    StackPredictor(StackModel model, StackTranslator<I, O> translator, Device device) {
        super(model, translator, device, false);
        this.stackModel = model;
        this.stackTranslator = translator;
    }

    /** {@inheritDoc} All inputs are one batch on the device, as far as the model's batch size goes. */
    @Override
    public List<O> batchPredict(List<I> inputs) throws TranslateException {
        long start = System.nanoTime();
        try {
            StyleBatch batch = stackModel
                    .runner()
                    .read(inputs.stream().map(stackTranslator::style).toList());
            List<O> results = stackTranslator.results(batch);
            if (metrics != null) {
                metrics.addMetric("Prediction", (System.nanoTime() - start) / 1000, Unit.MICROSECONDS, dimension);
            }
            return results;
        } catch (IOException | RuntimeException e) {
            throw new TranslateException(e.getMessage(), e);
        }
    }
}
