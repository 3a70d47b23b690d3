package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

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
                "style,coarse,fine");
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
                        "write");
    }

    @Test
    void refusesAMissingModel() {
        CommandLineRun run = CommandLineRun.of("bench", "--models", folder.resolve("nowhere"));
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err()).contains("it is not a folder");
    }
}
