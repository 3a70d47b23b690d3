package org.i2lspark.jobs.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.ImageToLora;
import org.i2lspark.PreparedImage;
import org.i2lspark.decoder.ResidualLayers;
import org.i2lspark.encoder.CropUploader;
import org.i2lspark.encoder.DinoV3Encoder;
import org.i2lspark.encoder.QwenVlConfig;
import org.i2lspark.encoder.QwenVlEncoder;
import org.i2lspark.encoder.SigLip2Encoder;
import org.i2lspark.image.CoverCrop;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.Stack;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.Network;
import org.i2lspark.torch.DeviceStream;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;

/** Times each part of the work alone, one after the other. */
final class StageBench {
    private final Stack stack;
    private final StackSettings settings;
    private final I2lModel model;
    private final StackParts parts;
    private final LoraForm form;
    private final StageTimer timer;

    StageBench(Stack stack, LoraForm form, StageTimer timer) {
        this.stack = stack;
        this.settings = stack.settings();
        this.model = stack.model();
        this.parts = new StackParts(stack);
        this.form = form;
        this.timer = timer;
    }

    /**
     * Times all stages.
     *
     * @param folder for the LoRA that is written
     */
    void run(Path photo, Path folder) throws IOException {
        byte[] bytes = Files.readAllBytes(photo);
        ImageDecoder decoder = new ImageDecoder(ImageDecoder.DEFAULT_MAX_PIXELS);
        RgbImage decoded = decoder.decode(bytes);
        timer.time("read", 1, Cost.NONE, () -> Files.readAllBytes(photo));
        timer.time(
                "decode %dx%d".formatted(decoded.width(), decoded.height()), 1, Cost.NONE, () -> decoder.decode(bytes));
        timer.time(
                "crop and resize to 1024",
                1,
                Cost.NONE,
                () -> CoverCrop.apply(decoded, ImageToLora.CROP_SIZE, ImageToLora.CROP_SIZE));
        List<PreparedImage> images = Collections.nCopies(stack.batchSize(), ImageToLora.prepare(model, decoded));
        encode(images);
        decode(stack.embed(images), folder);
    }

    private void encode(List<PreparedImage> images) throws IOException {
        try (CropUploader uploader = parts.uploader();
                TensorScope scope = new TensorScope()) {
            timer.time(
                    "upload crops",
                    images.size(),
                    new Cost(0, 0, hostBytes(images.get(0).crops().get(0).pixels().length)),
                    () -> {
                        upload(scope, uploader, images, 0).close();
                        DeviceStream.finish(stack.device());
                    });
            Tensor crops = upload(scope, uploader, images, 0);
            try (SigLip2Encoder siglip2 = parts.siglip2()) {
                timer.time(
                        "SigLIP2",
                        images.size(),
                        Cost.siglip2(model.encoders().orElseThrow().siglip2(), settings),
                        () -> siglip2.encode(crops));
            }
            try (DinoV3Encoder dinov3 = parts.dinov3()) {
                timer.time(
                        "DINOv3",
                        images.size(),
                        Cost.dinov3(model.encoders().orElseThrow().dinov3(), settings),
                        () -> dinov3.encode(crops));
            }
            if (model.qwenVl().isPresent()) {
                try (QwenVlEncoder encoder = parts.qwenVl()) {
                    for (I2lModel.Decoder decoder : model.decoders()) {
                        switch (decoder.layout().kind()) {
                            case STYLE -> {}
                            case COARSE -> encodeQwenVl(decoder, encoder, upload(scope, uploader, images, 1));
                            case FINE -> encodeQwenVl(decoder, encoder, crops);
                        }
                    }
                }
            }
        }
    }

    private static Tensor upload(TensorScope scope, CropUploader uploader, List<PreparedImage> images, int size) {
        return uploader.upload(
                scope, images.stream().map(image -> image.crops().get(size)).toList());
    }

    private void encodeQwenVl(I2lModel.Decoder file, QwenVlEncoder encoder, Tensor crops) throws IOException {
        int batch = Math.toIntExact(crops.shape().get(0));
        int size = encoder.imageSize(Math.toIntExact(crops.shape().get(1)));
        Network<QwenVlConfig> config = model.qwenVl().orElseThrow();
        timer.time("Qwen2.5-VL at " + size, batch, Cost.qwenVl(config, size, settings), () -> {
            try (TensorScope scope = new TensorScope()) {
                encoder.encode(scope, crops);
                DeviceStream.finish(stack.device());
            }
        });
        try (ResidualLayers decoder = parts.residuals(file);
                TensorScope scope = new TensorScope()) {
            Tensor hiddenStates = encoder.encode(scope, crops);
            timer.time(
                    file.layout().kind().title() + " residual",
                    batch,
                    Cost.residual(file, settings),
                    () -> decoder.residuals(hiddenStates));
        }
    }

    private void decode(List<ImageEmbedding> embeddings, Path folder) throws IOException {
        List<List<ImageEmbedding>> styles = embeddings.stream().map(List::of).toList();
        try (Lora lora = stack.decode(styles.subList(0, 1), form.type()).get(0)) {
            Storage storage = new Storage(new Configuration());
            var target = new org.apache.hadoop.fs.Path(
                    folder.resolve("lora.safetensors").toUri());
            var scratch =
                    new org.apache.hadoop.fs.Path(folder.resolve("scratch").toUri());
            long bytes = storage.replace(target, scratch, out -> lora.write(out, form.keyFormat(), Map.of()))
                    .bytes();
            timer.time(
                    "decode and merge",
                    styles.size(),
                    Cost.decode(model.decoders(), settings, hostBytes((double) bytes)),
                    () -> stack.decode(styles, form.type()).forEach(Lora::close));
            timer.time(
                    "write and hash",
                    1,
                    Cost.NONE,
                    () -> storage.replace(target, scratch, out -> lora.write(out, form.keyFormat(), Map.of())));
        }
        reduce(embeddings);
    }

    /** One style of all images. */
    private void reduce(List<ImageEmbedding> embeddings) throws IOException {
        List<List<ImageEmbedding>> style = List.of(embeddings);
        try (Lora lora = stack.decode(style, form).get(0)) {
            if (lora.reduction().isPresent()) {
                timer.time(
                        "decode and reduce to rank %d".formatted(lora.rank()),
                        embeddings.size(),
                        Cost.NONE,
                        () -> stack.decode(style, form).forEach(Lora::close));
            }
        }
    }

    /** That have a way to go between host and device. */
    private double hostBytes(double bytes) {
        return stack.device().isCpu() ? 0 : bytes;
    }
}
