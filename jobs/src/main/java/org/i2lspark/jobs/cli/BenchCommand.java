package org.i2lspark.jobs.cli;

import java.awt.image.BufferedImage;
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
import java.util.Random;
import java.util.concurrent.Callable;
import javax.imageio.ImageIO;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.ImageToLora;
import org.i2lspark.PreparedImage;
import org.i2lspark.decoder.DecoderKind;
import org.i2lspark.decoder.LoraDecoder;
import org.i2lspark.encoder.DinoV3Encoder;
import org.i2lspark.encoder.QwenVlConfig;
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
final class BenchCommand implements Callable<Integer> {
    private static final int PHOTO_WIDTH = 4000;
    private static final int PHOTO_HEIGHT = 3000;

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
        Path file = image == null ? makePhoto(folder) : image;
        int batch = stack.batchSize();
        LoraForm form = loraOptions.form();
        I2lModel checkpoints = stack.model();

        byte[] bytes = Files.readAllBytes(file);
        ImageDecoder decoder = new ImageDecoder(ImageDecoder.DEFAULT_MAX_PIXELS);
        RgbImage decoded = decoder.decode(bytes);
        RgbImage crop = CoverCrop.apply(decoded, ImageToLora.CROP_SIZE, ImageToLora.CROP_SIZE);
        String size = " %dx%d".formatted(decoded.width(), decoded.height());
        time("read", 1, () -> Files.readAllBytes(file));
        time("decode" + size, 1, () -> decoder.decode(bytes));
        time(
                "crop and resize to 1024",
                1,
                () -> CoverCrop.apply(decoded, ImageToLora.CROP_SIZE, ImageToLora.CROP_SIZE));
        time(
                "resize for SigLIP2",
                1,
                () -> SigLip2Encoder.resize(crop, checkpoints.siglip2().config().imageSize()));

        List<PreparedImage> inputs = Collections.nCopies(batch, ImageToLora.prepare(checkpoints, decoded));
        try (SigLip2Encoder siglip2 =
                ImageToLora.loadSigLip2(checkpoints, stack.settings().precision(), stack.device())) {
            List<byte[]> pixels =
                    inputs.stream().map(PreparedImage::siglip2Pixels).toList();
            time("SigLIP2", batch, () -> siglip2.encode(pixels));
        }
        try (DinoV3Encoder dinov3 =
                ImageToLora.loadDinoV3(checkpoints, stack.settings().precision(), stack.device())) {
            List<RgbImage> crops = inputs.stream().map(PreparedImage::crop).toList();
            time("DINOv3", batch, () -> dinov3.encode(crops));
        }
        if (checkpoints.qwenVl().isPresent()) {
            benchQwenVl(stack, inputs);
        }
        List<ImageEmbedding> embeddings = stack.embed(inputs);
        List<List<ImageEmbedding>> styles = embeddings.stream().map(List::of).toList();
        time("decode and merge", batch, () -> stack.decode(styles, form.type()).forEach(Lora::close));
        try (Lora lora = stack.decode(styles.subList(0, 1), form.type()).get(0)) {
            Path target = folder.resolve("lora.safetensors");
            time("write", 1, () -> write(lora, form, target));
        }
    }

    private void benchQwenVl(Stack stack, List<PreparedImage> inputs) throws IOException {
        I2lModel model = stack.model();
        QwenVlConfig config = model.qwenVl().orElseThrow().config();
        try (QwenVlEncoder encoder = ImageToLora.loadQwenVl(
                model,
                stack.settings().precision(),
                stack.device(),
                stack.settings().imagePositions())) {
            for (int d = 0; d < model.decoders().size(); d++) {
                DecoderKind kind = model.decoders().get(d).layout().kind();
                if (kind.tokens() > 0) {
                    int decoder = d;
                    int crop = kind == DecoderKind.COARSE ? ImageToLora.COARSE_CROP_SIZE : ImageToLora.CROP_SIZE;
                    int size = QwenVlEncoder.imageSize(crop, config);
                    List<byte[]> pixels = inputs.stream()
                            .map(image -> image.qwenVlPixels().get(decoder))
                            .toList();
                    time("Qwen2.5-VL at " + size, inputs.size(), () -> {
                        try (TensorScope scope = new TensorScope()) {
                            encoder.encode(scope, pixels, size);
                        }
                    });
                    benchResidual(stack, model.decoders().get(d), encoder, pixels, size);
                }
            }
        }
    }

    private void benchResidual(Stack stack, I2lModel.Decoder file, QwenVlEncoder encoder, List<byte[]> pixels, int size)
            throws IOException {
        try (LoraDecoder decoder =
                        ImageToLora.loadDecoder(file, stack.settings().precision(), stack.device());
                TensorScope scope = new TensorScope()) {
            Tensor hiddenStates = encoder.encode(scope, pixels, size);
            String stage = file.layout().kind().title() + " residual";
            time(stage, pixels.size(), () -> decoder.residuals(hiddenStates));
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

    /** Smooth colours with grain, which compresses about as a photo does. */
    private Path makePhoto(Path folder) throws IOException {
        Random random = new Random(1);
        BufferedImage photo = new BufferedImage(PHOTO_WIDTH, PHOTO_HEIGHT, BufferedImage.TYPE_3BYTE_BGR);
        int[] row = new int[PHOTO_WIDTH];
        for (int y = 0; y < PHOTO_HEIGHT; y++) {
            for (int x = 0; x < PHOTO_WIDTH; x++) {
                int grain = random.nextInt(24);
                int red = x * 200 / PHOTO_WIDTH + grain;
                int green = y * 200 / PHOTO_HEIGHT + grain;
                int blue = (x / 16 + y / 12) % 200 + grain;
                row[x] = red << 16 | green << 8 | blue;
            }
            photo.setRGB(0, y, PHOTO_WIDTH, 1, row, 0, PHOTO_WIDTH);
        }
        Path file = keptImage == null ? folder.resolve("photo.jpg") : keptImage;
        ImageIO.write(photo, "jpeg", file.toFile());
        return file;
    }

    private void print(String text) {
        spec.commandLine().getOut().print(text);
        spec.commandLine().getOut().flush();
    }
}
