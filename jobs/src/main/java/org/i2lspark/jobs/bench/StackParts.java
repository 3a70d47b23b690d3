package org.i2lspark.jobs.bench;

import java.io.IOException;
import org.i2lspark.ImageToLora;
import org.i2lspark.decoder.LoraDecoder;
import org.i2lspark.encoder.CropUploader;
import org.i2lspark.encoder.DinoV3Encoder;
import org.i2lspark.encoder.QwenVlConfig;
import org.i2lspark.encoder.QwenVlEncoder;
import org.i2lspark.encoder.SigLip2Encoder;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.jobs.worker.Stack;
import org.i2lspark.model.I2lModel;
import org.i2lspark.safetensors.TensorStore;
import org.i2lspark.torch.TorchDevice;

/** The encoders and decoders of a stack, each loaded alone, to be closed. */
final class StackParts {
    private final I2lModel model;
    private final StackSettings settings;
    private final TorchDevice device;

    StackParts(Stack stack) {
        this.model = stack.model();
        this.settings = stack.settings();
        this.device = stack.device();
    }

    SigLip2Encoder siglip2() throws IOException {
        try (TensorStore weights = model.siglip2().checkpoint().open()) {
            return SigLip2Encoder.load(
                    weights, model.siglip2().config(), settings.precision(), device, ImageToLora.CROP_SIZE);
        }
    }

    CropUploader uploader() {
        return new CropUploader(device);
    }

    DinoV3Encoder dinov3() throws IOException {
        try (TensorStore weights = model.dinov3().checkpoint().open()) {
            return DinoV3Encoder.load(weights, model.dinov3().config(), settings.precision(), device);
        }
    }

    /** Of a model that has one. */
    QwenVlEncoder qwenVl() throws IOException {
        I2lModel.Encoder<QwenVlConfig> encoder = model.qwenVl().orElseThrow();
        try (TensorStore weights = encoder.checkpoint().open()) {
            return QwenVlEncoder.load(
                    weights, encoder.config(), settings.precision(), device, settings.imagePositions());
        }
    }

    LoraDecoder decoder(I2lModel.Decoder decoder) throws IOException {
        try (TensorStore weights = decoder.checkpoint().open()) {
            return LoraDecoder.load(weights, decoder.layout().kind(), settings.precision(), device);
        }
    }
}
