package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;
import org.i2lspark.model.ReferenceCase;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchCommandTest {
    private static final Path IMAGE = Path.of(System.getProperty("i2l.reference"), "images", "1.png");

    @TempDir
    private Path folder;

    @Test
    void timesEveryStage() throws IOException {
        Path models = ReferenceCase.tiny().writeModels(folder);
        CommandLineRun run = CommandLineRun.of(
                "bench",
                "--models",
                models,
                "--image",
                IMAGE,
                "--repeats",
                1,
                "--batch-size",
                2,
                "--variants",
                "style,coarse,fine",
                "--djl");
        assertThat(run.exitCode()).isZero();
        assertThat(run.out().lines().map(line -> line.split("  ", -1)[0]))
                .contains(
                        "read",
                        "crop and resize to 1024",
                        "upload crops",
                        "SigLIP2",
                        "DINOv3",
                        "Qwen2.5-VL at 224",
                        "Coarse residual",
                        "Qwen2.5-VL at 1036",
                        "Fine residual",
                        "decode and merge",
                        "write and hash",
                        "image to LoRA",
                        "image to LoRA, by DJL");
    }

    @Test
    void fullSaysWhatAWholeRunAndTheDeviceDo() throws IOException {
        Path models = ReferenceCase.tiny().writeModels(folder);
        CommandLineRun run = CommandLineRun.of(
                "bench",
                "--full",
                "--models",
                models,
                "--image",
                IMAGE,
                "--styles",
                3,
                "--repeats",
                1,
                "--batch-size",
                2,
                "--variants",
                "style,bias",
                "--rank",
                4,
                "--folder",
                folder.resolve("bench"),
                "--json");
        assertThat(run.err()).isEmpty();
        assertThat(run.exitCode()).isZero();
        JsonNode told = new JsonMapper().readTree(run.out());
        assertThat(told.at("/run/styles").intValue()).isEqualTo(3);
        assertThat(told.at("/run/images_per_second").doubleValue()).isPositive();
        assertThat(told.at("/run/host_bytes").longValue()).isGreaterThan(100_000_000);
        assertThat(told.at("/run/threads").intValue()).isGreaterThan(10);
        assertThat(told.at("/device_rates/flops").doubleValue()).isGreaterThan(1e8);
        assertThat(told.get("stages").findValuesAsText("stage"))
                .contains("DINOv3", "decode and merge", "decode and reduce to rank 4");
        assertThat(told.get("stages").findValues("share_of_device"))
                .allMatch(share -> share.doubleValue() >= 0)
                .anyMatch(share -> share.doubleValue() > 0);
        assertThat(folder.resolve("bench")).isEmptyDirectory();
    }

    @Test
    void timesTheMakingOfImages() throws IOException {
        Path models = ReferenceCase.generate().writeModels(ReferenceCase.tiny().writeModels(folder));
        CommandLineRun run = CommandLineRun.of(
                "bench",
                "--models",
                models,
                "--image",
                IMAGE,
                "--repeats",
                1,
                "--batch-size",
                2,
                "--text-to-image",
                48,
                "--json");
        assertThat(run.err()).isEmpty();
        assertThat(run.exitCode()).isZero();
        JsonNode stages = new JsonMapper().readTree(run.out()).get("stages");
        assertThat(stages.findValuesAsText("stage"))
                .containsSequence(
                        "text encoder, 56 tokens", "transformer at 48", "VAE at 48", "image of 4 steps at 48");
    }

    @Test
    void refusesImagesOfASizeThatCannotBe() {
        CommandLineRun run = CommandLineRun.of("bench", "--models", folder, "--text-to-image", 100);
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err()).contains("Invalid width: 100 (expected a multiple of 16)");
    }

    @Test
    void refusesAMissingModel() {
        CommandLineRun run = CommandLineRun.of("bench", "--models", folder.resolve("nowhere"));
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err()).contains("it is not a folder");
    }
}
