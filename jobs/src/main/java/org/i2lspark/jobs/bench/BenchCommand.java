package org.i2lspark.jobs.bench;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.ImageToLora;
import org.i2lspark.PreparedImage;
import org.i2lspark.decoder.LoraDecoder;
import org.i2lspark.encoder.CropUploader;
import org.i2lspark.encoder.DinoV3Encoder;
import org.i2lspark.encoder.QwenVlEncoder;
import org.i2lspark.encoder.SigLip2Encoder;
import org.i2lspark.image.CoverCrop;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.options.Bounds;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.options.LoraOptions;
import org.i2lspark.jobs.options.StackOptions;
import org.i2lspark.jobs.worker.Stack;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.I2lModel;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code i2l bench}: how long each stage takes on this machine. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Times every stage on its own, one after the other, and prints medians for one image.",
            "A run overlaps reading, the stack and writing, so it is faster than the sum.",
            ""
        },
        footer = {"", "Example:", "  i2l bench --models models/ --image photo.jpg --batch-size 8"})
public final class BenchCommand implements Callable<Integer> {
    @Mixin
    private StackOptions stackOptions;

    @Mixin
    private LoraOptions loraOptions;

    @Option(
            names = "--image",
            paramLabel = "FILE",
            description = "The image to work on. Default: a made-up JPEG of 4000x3000 pixels.")
    private Path image;

    @Option(
            names = "--keep-image",
            paramLabel = "FILE",
            description = "Keep the made-up image here, to time other programs with it.")
    private Path keptImage;

    @Bounds(min = 1)
    @Option(names = "--repeats", defaultValue = "15", description = "Timed runs a stage. Default: ${DEFAULT-VALUE}.")
    private int repeats;

    @Spec
    private CommandSpec spec;

    @FunctionalInterface
    private interface Work {
        void run() throws IOException;
    }

    @Override
    public Integer call() throws IOException {
        stackOptions.check();
        loraOptions.check();
        Path models = stackOptions.localModels();
        Path folder = Files.createTempDirectory("i2l-bench");
        try (Stack stack = new Stack(stackOptions.settle(0), models, 0)) {
            print("Model: %s%nRuns on %s in %s; medians of %d runs, after as many to warm up%n%n%-28s %6s %12s%n"
                    .formatted(
                            stack.model().description(),
                            stack.device(),
                            stack.settings().precision(),
                            repeats,
                            "stage",
                            "batch",
                            "ms an image"));
            bench(stack, folder);
        } finally {
            Files.deleteIfExists(folder.resolve("photo.jpg"));
            Files.deleteIfExists(folder.resolve("lora.safetensors"));
            Files.delete(folder);
        }
        return 0;
    }

    private void bench(Stack stack, Path folder) throws IOException {
        Path file =
                image == null ? MadeUpPhoto.write(keptImage == null ? folder.resolve("photo.jpg") : keptImage) : image;
        int batch = stack.batchSize();
        LoraForm form = loraOptions.form();
        I2lModel checkpoints = stack.model();
        StackParts parts = new StackParts(stack);

        byte[] bytes = Files.readAllBytes(file);
        ImageDecoder decoder = new ImageDecoder(ImageDecoder.DEFAULT_MAX_PIXELS);
        RgbImage decoded = decoder.decode(bytes);
        String size = " %dx%d".formatted(decoded.width(), decoded.height());
        time("read", 1, () -> Files.readAllBytes(file));
        time("decode" + size, 1, () -> decoder.decode(bytes));
        time(
                "crop and resize to 1024",
                1,
                () -> CoverCrop.apply(decoded, ImageToLora.CROP_SIZE, ImageToLora.CROP_SIZE));
        List<PreparedImage> inputs = Collections.nCopies(batch, ImageToLora.prepare(checkpoints, decoded));
        benchEncoders(parts, checkpoints, inputs);
        List<ImageEmbedding> embeddings = stack.embed(inputs);
        List<List<ImageEmbedding>> styles = embeddings.stream().map(List::of).toList();
        time("decode and merge", batch, () -> stack.decode(styles, form.type()).forEach(Lora::close));
        try (Lora lora = stack.decode(styles.subList(0, 1), form.type()).get(0)) {
            Path target = folder.resolve("lora.safetensors");
            time("write", 1, () -> write(lora, form, target));
        }
    }

    private void benchEncoders(StackParts parts, I2lModel model, List<PreparedImage> inputs) throws IOException {
        try (CropUploader uploader = parts.uploader();
                TensorScope scope = new TensorScope()) {
            time(
                    "upload crops",
                    inputs.size(),
                    () -> upload(scope, uploader, inputs, 0).close());
            Tensor crops = upload(scope, uploader, inputs, 0);
            try (SigLip2Encoder siglip2 = parts.siglip2()) {
                time("SigLIP2", inputs.size(), () -> siglip2.encode(crops));
            }
            try (DinoV3Encoder dinov3 = parts.dinov3()) {
                time("DINOv3", inputs.size(), () -> dinov3.encode(crops));
            }
            if (model.qwenVl().isPresent()) {
                try (QwenVlEncoder encoder = parts.qwenVl()) {
                    for (I2lModel.Decoder decoder : model.decoders()) {
                        switch (decoder.layout().kind()) {
                            case STYLE -> {}
                            case COARSE -> benchQwenVl(parts, decoder, encoder, upload(scope, uploader, inputs, 1));
                            case FINE -> benchQwenVl(parts, decoder, encoder, crops);
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

    private void benchQwenVl(StackParts parts, I2lModel.Decoder file, QwenVlEncoder encoder, Tensor crops)
            throws IOException {
        int batch = Math.toIntExact(crops.shape().get(0));
        time("Qwen2.5-VL at " + encoder.imageSize(Math.toIntExact(crops.shape().get(1))), batch, () -> {
            try (TensorScope scope = new TensorScope()) {
                encoder.encode(scope, crops);
            }
        });
        try (LoraDecoder decoder = parts.decoder(file);
                TensorScope scope = new TensorScope()) {
            Tensor hiddenStates = encoder.encode(scope, crops);
            time(file.layout().kind().title() + " residual", batch, () -> decoder.residuals(hiddenStates));
        }
    }

    private static void write(Lora lora, LoraForm form, Path target) throws IOException {
        try (FileChannel out = FileChannel.open(
                target, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            lora.write(out, form.keyFormat(), Map.of());
        }
    }

    private void time(String stage, int batch, Work work) throws IOException {
        double[] milliseconds = new double[repeats];
        for (int i = -repeats; i < repeats; i++) {
            long start = System.nanoTime();
            work.run();
            milliseconds[Math.max(i, 0)] = (System.nanoTime() - start) / 1e6;
        }
        Arrays.sort(milliseconds);
        print(String.format(Locale.ROOT, "%-28s %6d %12.2f%n", stage, batch, milliseconds[repeats / 2] / batch));
    }

    private void print(String text) {
        spec.commandLine().getOut().print(text);
        spec.commandLine().getOut().flush();
    }
}
