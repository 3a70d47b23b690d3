package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.i2lspark.torch.Torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a node with GPUs is made ready with. */
class GpuScriptsTest {
    @TempDir
    private Path folder;

    @Test
    void aDryRunNamesTheLibtorchThatTheBridgeIsBuiltForAndInstallsNothing() throws Exception {
        Path runtime = folder.resolve("runtime");
        assertThat(output(Map.of(), "../scripts/gpu-runtime", "--dry-run", runtime.toString()))
                .startsWith("Would install torch %s ".formatted(Torch.version()))
                .contains(runtime.toString());
        assertThat(runtime).doesNotExist();
    }

    @Test
    void aWorkerTellsOfTheGpusThatAreItsShare() throws Exception {
        assertThat(output(Map.of("I2L_GPUS", "3"), "../conf/gpu-discovery.sh"))
                .isEqualTo("{\"name\": \"gpu\", \"addresses\": [\"3\"]}\n");
        assertThat(output(Map.of("I2L_GPUS", "0,1,12"), "../conf/gpu-discovery.sh"))
                .isEqualTo("{\"name\": \"gpu\", \"addresses\": [\"0\", \"1\", \"12\"]}\n");
    }

    private static String output(Map<String, String> environment, String... command)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }
}
