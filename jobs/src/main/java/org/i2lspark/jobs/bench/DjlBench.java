package org.i2lspark.jobs.bench;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.inference.Predictor;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.TranslateException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.i2lspark.BatchShape;
import org.i2lspark.ImageToLora;
import org.i2lspark.PreparedImage;
import org.i2lspark.djl.I2lTranslatorFactory;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.worker.LoraExport;
import org.i2lspark.jobs.worker.Stack;
import org.i2lspark.jobs.worker.WorkOrder;
import org.i2lspark.lora.Lora;

/** Times the whole way from the bytes of an image to those of its LoRA: by the library's own calls, and as a prediction of DJL's. */
final class DjlBench {
    private final Stack stack;
    private final LoraForm form;
    private final StageTimer timer;

    DjlBench(Stack stack, LoraForm form, StageTimer timer) {
        this.stack = stack;
        this.form = form;
        this.timer = timer;
    }

    /** Times both ways in turns, so that both meet the same machine. */
    void run(Path models, Path photo) throws IOException {
        byte[] image = Files.readAllBytes(photo);
        ImageDecoder decoder = new ImageDecoder(ImageDecoder.DEFAULT_MAX_PIXELS);
        WorkOrder order = WorkOrder.of(stack);
        try (ZooModel<byte[], byte[]> model = criteria(models).loadModel();
                Predictor<byte[], byte[]> predictor = model.newPredictor()) {
            timer.timeInTurns(
                    new StageTimer.Named("image to LoRA", () -> direct(image, decoder, order)),
                    new StageTimer.Named("image to LoRA, by DJL", () -> predict(predictor, image)));
        } catch (ModelNotFoundException | MalformedModelException e) {
            throw new IOException(e);
        }
    }

    private byte[] direct(byte[] image, ImageDecoder decoder, WorkOrder order) throws IOException {
        PreparedImage prepared = ImageToLora.prepare(stack.model(), decoder.decode(image));
        try (Lora lora =
                stack.decode(List.of(stack.embed(List.of(prepared))), form).get(0)) {
            ByteArrayOutputStream file = new ByteArrayOutputStream();
            new LoraExport(lora, form, Optional.empty(), List.of(Hashes.sha256(image)), order)
                    .write(Channels.newChannel(file));
            return file.toByteArray();
        }
    }

    private static byte[] predict(Predictor<byte[], byte[]> predictor, byte[] image) throws IOException {
        try {
            return predictor.predict(image);
        } catch (TranslateException e) {
            throw new IOException(e);
        }
    }

    private Criteria<byte[], byte[]> criteria(Path models) {
        StackSettings settings = stack.settings();
        return Criteria.builder()
                .setTypes(byte[].class, byte[].class)
                .optEngine("I2L")
                .optDevice(stack.device().isCpu() ? Device.cpu() : Device.gpu(0))
                .optModelUrls(models.toUri().toString())
                .optTranslatorFactory(new I2lTranslatorFactory())
                .optArgument("baseModel", settings.baseModel().id())
                .optArgument("variants", settings.variantText())
                .optArgument("precision", GenerateOptions.lower(settings.precision()))
                .optArgument("imagePositions", settings.imagePositions().id())
                .optArgument("batchSize", settings.batchSize())
                .optArgument("reproducible", settings.batchShape() == BatchShape.ONE_BY_ONE)
                .optArgument("gpuMemory", settings.gpuMemory())
                .optArgument("loraDtype", GenerateOptions.lower(form.type()))
                .optArgument("keyFormat", GenerateOptions.lower(form.keyFormat()))
                .optArgument("rank", form.rank())
                .build();
    }
}
