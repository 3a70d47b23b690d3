package org.i2lspark.djl;

import ai.djl.inference.Predictor;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.training.util.ProgressBar;
import ai.djl.translate.TranslatorFactory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;

/** A stand-in for DJL's extension for Spark: it calls what the extension calls, in its order. */
public final class SparkExtension {
    /** Rows of a group, as {@code BasePredictor} has it. */
    private static final int BATCH = 10;

    private SparkExtension() {}

    /**
     * Takes the rows of a partition to LoRAs, as {@code BinaryPredictor.transform} does.
     *
     * @param url of the model; arguments can only stand there, for the extension has no way to give them
     */
    public static List<byte[]> transform(String url, List<byte[]> rows) throws Exception {
        ModelLoader<byte[], byte[]> loader =
                onExecutor(new ModelLoader<>("I2L", url, byte[].class, byte[].class, new I2lTranslatorFactory()));
        try {
            return transformRows(loader, rows);
        } finally {
            loader.model.close();
        }
    }

    /** As {@code ai.djl.spark.ModelLoader}: it goes to an executor with its factory, and loads the model there once. */
    private static final class ModelLoader<A, B> implements Serializable {
        private static final long serialVersionUID = 1;

        private final String engine;
        private final String url;
        private final Class<A> inputClass;
        private final Class<B> outputClass;
        private final TranslatorFactory translatorFactory;
        private final HashMap<String, Object> arguments = new HashMap<>();
        private transient ZooModel<A, B> model;

        ModelLoader(String engine, String url, Class<A> input, Class<B> output, TranslatorFactory factory) {
            this.engine = engine;
            this.url = url;
            this.inputClass = input;
            this.outputClass = output;
            this.translatorFactory = factory;
        }

        Predictor<A, B> newPredictor() throws Exception {
            if (model == null) {
                model = Criteria.builder()
                        .setTypes(inputClass, outputClass)
                        .optEngine(engine)
                        .optModelUrls(url)
                        .optTranslatorFactory(translatorFactory)
                        .optProgress(new ProgressBar())
                        .optArguments(arguments)
                        .build()
                        .loadModel();
            }
            return model.newPredictor();
        }
    }

    /** As {@code BinaryPredictor.transformRows}. */
    private static List<byte[]> transformRows(ModelLoader<byte[], byte[]> loader, List<byte[]> rows) throws Exception {
        Predictor<byte[], byte[]> predictor = loader.newPredictor();
        List<byte[]> results = new ArrayList<>();
        for (int i = 0; i < rows.size(); i += BATCH) {
            results.addAll(predictor.batchPredict(rows.subList(i, Math.min(i + BATCH, rows.size()))));
        }
        return results;
    }

    @SuppressWarnings("unchecked")
    private static ModelLoader<byte[], byte[]> onExecutor(ModelLoader<byte[], byte[]> loader) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(loader);
        }
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
            return (ModelLoader<byte[], byte[]>) in.readObject();
        }
    }
}
