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
import org.i2lspark.decoder.LoraDecoder;
import org.i2lspark.encoder.DinoV3Encoder;
import org.i2lspark.encoder.SigLip2Encoder;
import org.i2lspark.image.CoverCrop;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.generate.GenerateOptions;
import org.i2lspark.jobs.generate.Stack;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.StyleModel;
import org.i2lspark.safetensors.TensorStore;
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
    private ModelOptions model;

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
        if (repeats < 1) {
            throw new IllegalArgumentException("Invalid --repeats: %d (expected 1 or more)".formatted(repeats));
        }
        GenerateOptions options = model.toOptions("", "");
        Path folder = Files.createTempDirectory("i2l-bench");
        try (Stack stack = new Stack(options.models(), options.device(), options.precision(), options.batchSize())) {
            print("Model: %s%nRuns on %s in %s; medians of %d runs, after as many to warm up%n%n%-28s %6s %12s%n"
                    .formatted(
                            stack.model().description(),
                            stack.device(),
                            stack.precision(),
                            repeats,
                            "stage",
                            "batch",
                            "ms an image"));
            bench(options, stack, folder);
        } finally {
            Files.deleteIfExists(folder.resolve("photo.jpg"));
            Files.deleteIfExists(folder.resolve("lora.safetensors"));
            Files.delete(folder);
        }
        return 0;
    }

    private void bench(GenerateOptions options, Stack stack, Path folder) throws IOException {
        Path file = image == null ? makePhoto(folder) : image;
        int batch = stack.batchSize();
        StyleModel checkpoints = stack.model();

        byte[] bytes = Files.readAllBytes(file);
        ImageDecoder decoder = new ImageDecoder(options.maxPixels());
        RgbImage decoded = decoder.decode(bytes);
        RgbImage crop = CoverCrop.apply(decoded, ImageToLora.CROP_SIZE, ImageToLora.CROP_SIZE);
        byte[] pixels = ImageToLora.prepare(checkpoints, decoded).siglip2Pixels();
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
                () -> SigLip2Encoder.resize(crop, checkpoints.siglip2Config().imageSize()));

        List<float[]> siglip2Embeddings;
        List<float[]> dinov3Embeddings;
        try (TensorStore store = checkpoints.siglip2().open();
                SigLip2Encoder siglip2 =
                        SigLip2Encoder.load(store, checkpoints.siglip2Config(), stack.precision(), stack.device())) {
            List<byte[]> inputs = Collections.nCopies(batch, pixels);
            siglip2Embeddings = siglip2.encode(inputs);
            time("SigLIP2", batch, () -> siglip2.encode(inputs));
        }
        try (TensorStore store = checkpoints.dinov3().open();
                DinoV3Encoder dinov3 =
                        DinoV3Encoder.load(store, checkpoints.dinov3Config(), stack.precision(), stack.device())) {
            List<RgbImage> inputs = Collections.nCopies(batch, crop);
            dinov3Embeddings = dinov3.encode(inputs);
            time("DINOv3", batch, () -> dinov3.encode(inputs));
        }
        float[] embedding = new ImageEmbedding(siglip2Embeddings.get(0), dinov3Embeddings.get(0)).style();
        try (TensorStore store = checkpoints.decoder().open();
                LoraDecoder style = LoraDecoder.load(store, stack.precision(), stack.device())) {
            List<List<float[]>> styles = Collections.nCopies(batch, List.of(embedding));
            time(
                    "Style decoder",
                    batch,
                    () -> style.decode(styles, options.loraType()).forEach(Lora::close));
            try (Lora lora = style.decode(List.of(List.of(embedding)), options.loraType())
                    .get(0)) {
                Path target = folder.resolve("lora.safetensors");
                time("write", 1, () -> write(lora, options, target));
            }
        }
    }

    private static void write(Lora lora, GenerateOptions options, Path target) throws IOException {
        try (FileChannel out = FileChannel.open(
                target, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            lora.write(out, options.keyFormat(), Map.of());
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
