package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.PngFile;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.model.ReferenceCase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Pictures through the command line, against what diffusers makes of the same small model. */
class ImageCommandTest {
    private static final ReferenceCase REFERENCE = ReferenceCase.generate();

    @TempDir
    private static Path models;

    @TempDir
    private Path folder;

    private static String prompt;

    @BeforeAll
    static void writeModels() throws IOException {
        REFERENCE.writeModels(models);
        prompt = REFERENCE.caseFile().get("prompt").asText();
    }

    private static CommandLineRun image(Object... more) {
        List<Object> args =
                new ArrayList<>(List.of("image", "--models", models, "--device", "cpu", "--prompt", prompt));
        args.addAll(List.of(more));
        return CommandLineRun.of(args.toArray());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "image_cfg.png                 |",
                "image_cfg_without_rescale.png | --no-cfg-rescale",
                "image_plain.png               | --cfg 1",
                "image_style_half.png          | --lora LORAS/style.safetensors:0.5",
                "image_style_positive_only.png | --lora LORAS/style.safetensors --positive-only",
                "image_stacked.png             | --lora LORAS/style.safetensors --lora LORAS/distill.safetensors:0.5",
                "image_distilled.png           | --distilled LORAS/distill.safetensors",
                "image_distilled_style.png     | --distilled LORAS/distill.safetensors --lora LORAS/style.safetensors:0.8"
            })
    void makesThePictureOfTheReference(String expected, String options) throws IOException {
        List<Object> args =
                new ArrayList<>(List.of("--size", "128x128", "--steps", 4, "--output", folder.resolve("x.png")));
        if (options != null) {
            args.addAll(List.of(
                    options.replace("LORAS", models.resolve("loras").toString()).split(" ", -1)));
        }
        CommandLineRun run = image(args.toArray());
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertClose(Files.readAllBytes(folder.resolve("x.png")), REFERENCE.image(expected));
    }

    /** At most one level off, in one of a thousand values, as the reference's own results are between machines. */
    private static void assertClose(byte[] png, RgbImage expected) throws IOException {
        RgbImage actual = new ImageDecoder(ImageDecoder.DEFAULT_MAX_PIXELS).decode(png);
        int off = 0;
        for (int i = 0; i < expected.pixels().length; i++) {
            int difference = Math.abs((actual.pixels()[i] & 0xFF) - (expected.pixels()[i] & 0xFF));
            assertThat(difference).isLessThanOrEqualTo(1);
            off += difference;
        }
        assertThat(off).isLessThanOrEqualTo(expected.pixels().length / 1000);
    }

    @Test
    void aPictureSaysHowItWasMade() throws IOException {
        Path style = models.resolve("loras/style.safetensors");
        image(
                "--size",
                "32x16",
                "--steps",
                2,
                "--seed",
                5,
                "--lora",
                style + ":0.5",
                "--output",
                folder.resolve("x.png"));
        Map<String, String> texts = PngFile.texts(Files.readAllBytes(folder.resolve("x.png")));
        String sha256 = Hashes.sha256(Files.readAllBytes(style));
        assertThat(texts.get("parameters"))
                .startsWith(prompt + "\nNegative prompt:  \nSteps: 2, Sampler: Euler, Schedule type: Qwen-Image, "
                        + "CFG scale: 4, Seed: 5, Size: 32x16, Model: Qwen-Image, Lora hashes: \"style: "
                        + sha256.substring(0, 10) + "\", Lora strengths: \"style: 0.5\", Version: ");
        assertThat(texts)
                .containsEntry("i2l.prompt", prompt)
                .containsEntry("i2l.negative_prompt", " ")
                .containsEntry("i2l.seed", "5")
                .containsEntry("i2l.cfg_rescale", "on")
                .containsEntry("i2l.lora_passes", "both")
                .containsEntry("i2l.loras", sha256 + ":0.5");
        String line = image("--cfg", 1, "--size", "16x16", "--steps", 2, "--output", folder.resolve("y.png"))
                .out();
        assertThat(line).contains("y.png: '" + prompt + "', seed 0");
        assertThat(PngFile.texts(Files.readAllBytes(folder.resolve("y.png"))).get("parameters"))
                .doesNotContain("Negative prompt")
                .doesNotContain("Lora");
    }

    @Test
    void eachPromptWithEachSeedIsAPicture() throws IOException {
        Path pets = folder.resolve("pets");
        CommandLineRun run = image(
                "--prompt",
                "a dog",
                "--seed",
                0,
                "--seed",
                1,
                "--size",
                "16x16",
                "--steps",
                2,
                "--cfg",
                1,
                "--batch-size",
                3,
                "--output",
                pets,
                "--json",
                "--quiet");
        JsonNode facts = new JsonMapper().readTree(run.out());
        assertThat(facts.get("pictures")).hasSize(4);
        assertThat(facts.get("pictures").get(3).get("output").asText()).isEqualTo(pets + "/4-a_dog-1.png");
        try (Stream<Path> files = Files.list(pets)) {
            List<String> hashes = new ArrayList<>();
            for (Path file : files.toList()) {
                hashes.add(Arrays.toString(Files.readAllBytes(file)));
            }
            assertThat(hashes).hasSize(4).doesNotHaveDuplicates();
        }
    }

    @Test
    void aDryRunWritesNothing() {
        CommandLineRun run = image("--output", folder.resolve("x.png"), "--dry-run");
        assertThat(run.out()).contains("Dry run: 1 pictures can be made; nothing was written.");
        assertThat(folder).isEmptyDirectory();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--size 100x100         | Invalid --size: '100x100' (expected WIDTHxHEIGHT, each a multiple of 16",
                "--size large           | Invalid --size: 'large'",
                "--steps 1              | Invalid --steps: 1 (expected 2 to 1000)",
                "--cfg 0                | Invalid --cfg: 0.0 (expected 1 to 100)",
                "--cfg Infinity         | Invalid --cfg: Infinity (expected 1 to 100)",
                "--seed -1              | Invalid --seed",
                "--scheduler euler      | Invalid value for option '--scheduler'",
                "--lora none            | Cannot open none: there is no such file or folder",
                "--lora none:0.5        | Cannot open none: there is no such file or folder",
                "--model z-image        | Invalid value for option '--model': Invalid model: 'z-image' (expected one of",
                "--lora none:101        | Invalid value for option '--lora'",
                "--lora OTHER           | Cannot use the LoRA ",
                "--negative-prompt LONG | Invalid prompt: it makes ",
                "--seed 0 --seed 1      | Invalid --output",
                "--models s3a://x/y     | Invalid --models: s3a://x/y (expected a local folder)"
            })
    void nonsenseIsRefusedBeforeAnythingIsLoaded(String options, String message) {
        List<Object> args = new ArrayList<>(List.of("--output", folder.resolve("x.png")));
        for (String option : options.split(" ", -1)) {
            args.add(
                    switch (option) {
                        case "OTHER" -> Path.of("../common/src/test/resources/loras/lightning-names.safetensors");
                        case "LONG" -> "a cat ".repeat(1000);
                        default -> option;
                    });
        }
        if (options.startsWith("--models")) {
            args.addAll(0, List.of("image", "--prompt", "a"));
        }
        CommandLineRun run = options.startsWith("--models") ? CommandLineRun.of(args.toArray()) : image(args.toArray());
        assertThat(run.exitCode()).as(run.err()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err()).startsWith("Error: " + message);
        assertThat(run.out()).isEmpty();
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void aPromptHasRoomForSoManyTokens() {
        Path output = folder.resolve("x.png");
        CommandLineRun fits = CommandLineRun.of(
                "image", "--models", models, "--prompt", "cat ".repeat(1000), "--output", output, "--dry-run");
        assertThat(fits.exitCode()).as(fits.err()).isZero();
        CommandLineRun run =
                CommandLineRun.of("image", "--models", models, "--prompt", "cat ".repeat(1030), "--output", output);
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err()).startsWith("Error: Invalid prompt: it makes 10").hasLineCount(1);
    }

    @Test
    void nothingIsOverwrittenUnlessAsked() throws IOException {
        Path output = Files.writeString(folder.resolve("x.png"), "precious");
        Object[] args = {"--size", "16x16", "--steps", 2, "--cfg", 1, "--output", output};
        CommandLineRun refused = image(args);
        assertThat(refused.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(refused.err()).contains("it exists; give another --output, or --overwrite to replace it");
        assertThat(output).hasContent("precious");
        List<Object> more = new ArrayList<>(List.of(args));
        more.add("--overwrite");
        assertThat(image(more.toArray()).exitCode()).isZero();
        assertThat(PngFile.texts(Files.readAllBytes(output))).containsKey("parameters");
    }
}
