package org.i2lspark;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.i2lspark.MemoryPlan.Part;
import org.i2lspark.decoder.DecoderKind;
import org.i2lspark.decoder.ResidualLayers;
import org.i2lspark.encoder.DinoV3Encoder;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.encoder.QwenVlEncoder;
import org.i2lspark.encoder.SigLip2Encoder;
import org.i2lspark.model.I2lModel;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;

/** All that looks at images: the encoders, and those layers of the decoders that look at hidden states. */
final class Encoders implements AutoCloseable {
    private static final float[] NO_RESIDUAL = new float[0];

    private final I2lModel model;
    private final int qwenVlBatch;
    private final List<AutoCloseable> parts = new ArrayList<>();
    private final SigLip2Encoder siglip2;
    private final DinoV3Encoder dinov3;
    private final QwenVlEncoder qwenVl;
    /** By decoder; null for one that takes none. */
    private final List<ResidualLayers> residuals = new ArrayList<>();

    Encoders(I2lModel model, ElementType precision, TorchDevice device, ImagePositions positions, MemoryPlan plan)
            throws IOException {
        this.model = model;
        this.qwenVlBatch = plan.qwenVlBatch();
        I2lModel.Encoders encoders = model.encoders().orElseThrow();
        try {
            this.siglip2 = add(SigLip2Encoder.load(
                    encoders.siglip2().checkpoint()::open,
                    encoders.siglip2().config(),
                    precision,
                    device,
                    plan.placement(Part.SIGLIP2),
                    ImageToLora.CROP_SIZE));
            this.dinov3 = add(DinoV3Encoder.load(
                    encoders.dinov3().checkpoint()::open,
                    encoders.dinov3().config(),
                    precision,
                    device,
                    plan.placement(Part.DINOV3)));
            this.qwenVl =
                    model.qwenVl().isPresent() ? add(loadQwenVl(model, precision, device, positions, plan)) : null;
            for (I2lModel.Decoder decoder : model.decoders()) {
                residuals.add(
                        decoder.layout().kind().tokens() == 0
                                ? null
                                : add(ResidualLayers.load(
                                        decoder.checkpoint()::open,
                                        decoder.layout(),
                                        precision,
                                        device,
                                        plan.placement(Part.RESIDUALS))));
            }
        } catch (Throwable e) {
            close();
            throw e;
        }
    }

    private <T extends AutoCloseable> T add(T part) {
        parts.add(part);
        return part;
    }

    static QwenVlEncoder loadQwenVl(
            I2lModel model, ElementType precision, TorchDevice device, ImagePositions positions, MemoryPlan plan)
            throws IOException {
        return QwenVlEncoder.load(
                model.qwenVl().orElseThrow().checkpoint()::open,
                model.qwenVl().orElseThrow().config(),
                precision,
                device,
                plan.placement(Part.QWEN_VL),
                positions);
    }

    /**
     * Embeds a batch.
     *
     * @param crops of each size that {@link ImageToLora#cropSizes} names, {@code [images, side, side, 3]} uint8
     */
    List<ImageEmbedding> embed(List<Tensor> crops) {
        List<float[]> siglip2Embeddings = siglip2.encode(crops.get(0));
        List<float[]> dinov3Embeddings = dinov3.encode(crops.get(0));
        int images = siglip2Embeddings.size();
        List<List<float[]>> rows = new ArrayList<>();
        for (int d = 0; d < residuals.size(); d++) {
            DecoderKind kind = model.decoders().get(d).layout().kind();
            rows.add(
                    switch (kind) {
                        case STYLE -> Collections.nCopies(images, NO_RESIDUAL);
                        case COARSE -> residuals(crops.get(1), residuals.get(d));
                        case FINE -> residuals(crops.get(0), residuals.get(d));
                    });
        }
        return IntStream.range(0, images)
                .mapToObj(i -> new ImageEmbedding(
                        siglip2Embeddings.get(i),
                        dinov3Embeddings.get(i),
                        rows.stream().map(decoder -> decoder.get(i)).toList()))
                .toList();
    }

    private List<float[]> residuals(Tensor crops, ResidualLayers layers) {
        List<Long> shape = crops.shape();
        long images = shape.get(0);
        long imageSize = crops.size() / images;
        List<float[]> rows = new ArrayList<>();
        for (long first = 0; first < images; first += qwenVlBatch) {
            long count = Math.min(qwenVlBatch, images - first);
            try (TensorScope temporary = new TensorScope()) {
                Tensor part = Tensors.view(
                        temporary, crops, first * imageSize, List.of(count, shape.get(1), shape.get(2), shape.get(3)));
                rows.addAll(layers.residuals(qwenVl.encode(temporary, part)));
            }
        }
        return rows;
    }

    @Override
    public void close() {
        Closing.all(parts);
    }
}
