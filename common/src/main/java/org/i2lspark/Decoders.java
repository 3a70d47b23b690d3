package org.i2lspark;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.i2lspark.MemoryPlan.Part;
import org.i2lspark.decoder.Bias;
import org.i2lspark.decoder.LoraDecoder;
import org.i2lspark.decoder.LoraMerger;
import org.i2lspark.model.I2lModel;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TorchDevice;

/** The decoders and the Bias of a model. */
final class Decoders implements AutoCloseable {
    private final List<AutoCloseable> parts = new ArrayList<>();
    private final LoraMerger merger;

    Decoders(I2lModel model, ElementType precision, TorchDevice device, MemoryPlan plan) throws IOException {
        try {
            List<LoraDecoder> decoders = new ArrayList<>();
            for (I2lModel.Decoder decoder : model.decoders()) {
                decoders.add(loadDecoder(decoder, precision, device, plan));
                parts.add(decoders.get(decoders.size() - 1));
            }
            Bias bias = null;
            if (model.bias().isPresent()) {
                bias = Bias.load(
                        model.bias().get()::open, model.decoders().get(0).layout(), precision, device);
                parts.add(bias);
            }
            this.merger = new LoraMerger(decoders, bias, device);
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    static LoraDecoder loadDecoder(I2lModel.Decoder decoder, ElementType precision, TorchDevice device, MemoryPlan plan)
            throws IOException {
        return LoraDecoder.load(
                decoder.checkpoint()::open, decoder.layout(), precision, device, plan.placement(Part.DECODERS));
    }

    LoraMerger merger() {
        return merger;
    }

    @Override
    public void close() {
        Closing.all(parts);
    }
}
