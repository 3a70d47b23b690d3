package org.i2lspark.jobs.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.i2lspark.model.SampleModels;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run that a person or a scheduler ends. */
class InterruptionTest {
    private static final Path IMAGE = Path.of(System.getProperty("i2l.reference"), "images", "0.png");
    private static final int STYLES = 500;
    private static final int SIGINT = 2;

    @TempDir
    private Path folder;

    @Test
    void isToldInOneLine() throws IOException, InterruptedException {
        Path models = folder.resolve("models");
        SampleModels.write(models);
        Path catalog = Files.createDirectories(folder.resolve("catalog"));
        for (int i = 0; i < STYLES; i++) {
            Files.copy(IMAGE, catalog.resolve(i + ".png"));
        }
        Path output = folder.resolve("output");
        List<String> command = List.of(
                "generate",
                "--catalog",
                catalog.toString(),
                "--models",
                models.toString(),
                "--output",
                output.toString(),
                "--batch-size",
                "1");
        try (Driver driver = new Driver(folder, Map.of("spark.master", "local[1]"), command)) {
            while (driver.isAlive() && !Files.exists(output.resolve("loras"))) {
                Thread.sleep(50);
            }
            driver.signal("INT");
            assertThat(driver.exitCode()).as(driver.output()).isEqualTo(128 + SIGINT);
            assertThat(driver.output().lines())
                    .containsOnlyOnce("Interrupted: the LoRAs made so far are kept in " + output
                            + "; start the same command again to go on")
                    .noneMatch(line -> line.contains("ERROR") || line.contains("Error:") || line.startsWith("\tat "));
        }
    }
}
