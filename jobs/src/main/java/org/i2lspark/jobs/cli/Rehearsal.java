package org.i2lspark.jobs.cli;

import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;

/**
 * Runs each command once, on next to nothing, so that the JVM can archive the classes that they need: with the archive, later
 * ones start in less time. The build does it with the jars that it made, and fails if a command does.
 */
public final class Rehearsal {
    private static final int IMAGE_SIZE = 64;

    private final Path folder;

    private Rehearsal(Path folder) {
        this.folder = folder;
    }

    public static void main(String[] args) throws IOException {
        // what Spark itself prints
        System.setOut(new PrintStream(OutputStream.nullOutputStream()));
        Path folder = Files.createTempDirectory("i2l-rehearsal");
        try {
            new Rehearsal(folder).run();
        } finally {
            try (Stream<Path> all = Files.walk(folder)) {
                all.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
            }
        }
    }

    private void run() throws IOException {
        Path catalog = Files.createDirectories(folder.resolve("catalog"));
        Path image = catalog.resolve("image.png");
        ImageIO.write(new BufferedImage(IMAGE_SIZE, IMAGE_SIZE, BufferedImage.TYPE_3BYTE_BGR), "png", image.toFile());
        Path models = folder.resolve("models");
        Path output = folder.resolve("output");
        run("sample-models", "--output", models);
        run("generate", "--catalog", catalog, "--models", models, "--output", output);
        run(
                "image",
                "--models",
                models,
                "--prompt",
                "a cat",
                "--size",
                "16x16",
                "--steps",
                2,
                "--output",
                folder.resolve("cat.png"));
        run("query", output);
        run("verify", "--output", output, "--json");
        run("vacuum", "--output", output);
        run("manifest", "compact", "--output", output);
        for (Path lora : files(output.resolve("loras"))) {
            run("lora", "inspect", lora, "--json");
            run("lora", "convert", lora, "--output", folder.resolve("converted.safetensors"));
        }
        run("completion", "bash");
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile).toList();
        }
    }

    private static void run(Object... args) {
        String[] texts = Stream.of(args).map(Object::toString).toArray(String[]::new);
        StringWriter err = new StringWriter();
        int exitCode = Main.run(new PrintWriter(new StringWriter()), new PrintWriter(err, true), texts);
        if (exitCode != 0) {
            throw new IllegalStateException("%s ends with %d: %s".formatted(String.join(" ", texts), exitCode, err));
        }
    }
}
