package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.i2lspark.djl.SparkExtension;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.ReferenceCase.FloatTensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageToLoraCommandTest {
    private static final Path IMAGES = Path.of(System.getProperty("i2l.reference"), "images");

    @TempDir
    private static Path models;

    @TempDir
    private Path folder;

    @BeforeAll
    static void writeModels() throws IOException {
        ReferenceCase.tiny().writeModels(models);
    }

    @Test
    void makesTheReferenceLoraInAnyBatchSize() throws IOException {
        Path output = folder.resolve("new/style.safetensors");
        CommandLineRun run = imageToLora(
                "--output",
                output,
                "--batch-size",
                2,
                IMAGES.resolve("0.png"),
                IMAGES.resolve("1.png"),
                IMAGES.resolve("2.png"));
        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).contains("rank 12 from 3 images, 24 modules");
        assertThat(CommandLineRun.of("lora", "inspect", output).out()).contains("2.7.1+cpu");
        Map<String, FloatTensor> expected = ReferenceCase.tiny().tensors("lora_style_group.safetensors");
        Map<String, FloatTensor> actual = ReferenceCase.readFloats(output);
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, tensor) ->
                assertThat(actual.get(name).values()).containsExactly(tensor.values(), Offset.offset(1e-4f)));
        try (Stream<Path> files = Files.list(output.getParent())) {
            assertThat(files).containsExactly(output);
        }
    }

    @Test
    void refusesABadImageAndLeavesNoFile() throws IOException {
        Path note = Files.writeString(folder.resolve("note.jpg"), "text");
        Path output = folder.resolve("style.safetensors");
        CommandLineRun run = imageToLora("--output", output, IMAGES.resolve("0.png"), note);
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err()).contains("[image_unsupported] " + note).contains("it is not an image");
        assertThat(output).doesNotExist();
        assertThat(imageToLora("--output", output, folder.resolve("nowhere.png"))
                        .err())
                .contains("[image_missing]");
    }

    @Test
    void djlAndItsExtensionForSparkMakeTheSameBytes() throws Exception {
        List<byte[]> images = new ArrayList<>();
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            Path image = IMAGES.resolve(i + ".png");
            Path output = folder.resolve(i + ".safetensors");
            assertThat(imageToLora("--output", output, "--variants", "style,coarse", "--reproducible", image)
                            .exitCode())
                    .isZero();
            images.add(Files.readAllBytes(image));
            expected.add(Hashes.sha256(Files.readAllBytes(output)));
        }
        List<byte[]> loras = SparkExtension.transform(
                models.toUri() + "?variants=style%2Ccoarse&reproducible=true&loraDtype=float32&keyFormat=diffsynth",
                images);
        assertThat(loras).map(Hashes::sha256).containsExactlyElementsOf(expected);
    }

    @Test
    void dryRunWritesNothing() {
        Path output = folder.resolve("style.safetensors");
        CommandLineRun run = imageToLora("--output", output, "--dry-run", IMAGES.resolve("0.png"));
        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).contains("Dry run: 1 images can be used");
        assertThat(output).doesNotExist();
    }

    @Test
    void overwritesOnlyWhenAsked() throws IOException {
        Path output = Files.writeString(folder.resolve("style.safetensors"), "precious");
        CommandLineRun refused = imageToLora("--output", output, IMAGES.resolve("0.png"));
        assertThat(refused.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(refused.err()).contains("it exists; give another --output, or --overwrite to replace it");
        assertThat(output).hasContent("precious");
        assertThat(imageToLora("--output", output, "--overwrite", IMAGES.resolve("0.png"))
                        .exitCode())
                .isZero();
        assertThat(CommandLineRun.of("lora", "inspect", output).exitCode()).isZero();
    }

    @Test
    void aGpuNeedsALibtorchForIt() {
        CommandLineRun run = CommandLineRun.of(
                "image-to-lora",
                "--models",
                models,
                "--output",
                folder.resolve("x.safetensors"),
                "--device",
                "gpu",
                IMAGES.resolve("0.png"));
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err())
                .matches("Error: Cannot use GPU 0: libtorch 2.7.1\\+cpu of /.* has no CUDA; scripts/gpu-runtime "
                        + "installs one that has and says how it is taken, or take --device cpu\\R");
    }

    @Test
    void needsAnImage() {
        assertThat(imageToLora("--output", folder.resolve("x")).exitCode()).isEqualTo(Main.UNUSABLE);
    }

    private static CommandLineRun imageToLora(Object... more) {
        Object[] fixed = {
            "image-to-lora",
            "--models",
            models,
            "--lora-dtype",
            "float32",
            "--key-format",
            "diffsynth",
            "--device",
            "cpu"
        };
        return CommandLineRun.of(
                Stream.concat(Stream.of(fixed), Stream.of(more)).toArray());
    }
}
