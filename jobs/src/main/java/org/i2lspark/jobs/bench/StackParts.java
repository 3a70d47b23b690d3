package org.i2lspark.jobs.bench;

import java.io.IOException;
import org.i2lspark.ImageToLora;
import org.i2lspark.decoder.ResidualLayers;
import org.i2lspark.encoder.CropUploader;
import org.i2lspark.encoder.DinoV3Encoder;
import org.i2lspark.encoder.QwenVlConfig;
import org.i2lspark.encoder.QwenVlEncoder;
import org.i2lspark.encoder.SigLip2Encoder;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.jobs.worker.Stack;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.Network;
import org.i2lspark.torch.BlockWeights.Placement;
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

    private I2lModel.Encoders encoders() {
        return model.encoders().orElseThrow();
    }

    SigLip2Encoder siglip2() throws IOException {
        return SigLip2Encoder.load(
                encoders().siglip2().checkpoint()::open,
                encoders().siglip2().config(),
                settings.precision(),
                device,
                Placement.RESIDENT,
                ImageToLora.CROP_SIZE);
    }

    CropUploader uploader() {
        return new CropUploader(device);
    }

    DinoV3Encoder dinov3() throws IOException {
        return DinoV3Encoder.load(
                encoders().dinov3().checkpoint()::open,
                encoders().dinov3().config(),
                settings.precision(),
                device,
                Placement.RESIDENT);
    }

    /** Of a model that has one. */
    QwenVlEncoder qwenVl() throws IOException {
        Network<QwenVlConfig> encoder = model.qwenVl().orElseThrow();
        return QwenVlEncoder.load(
                encoder.checkpoint()::open,
                encoder.config(),
                settings.precision(),
                device,
                Placement.RESIDENT,
                settings.imagePositions());
    }

    ResidualLayers residuals(I2lModel.Decoder decoder) throws IOException {
        return ResidualLayers.load(
                decoder.checkpoint()::open, decoder.layout(), settings.precision(), device, Placement.RESIDENT);
    }
}
