package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QueryCommandTest {
    @TempDir
    private Path output;

    @Test
    void refusesWhatIsNoOutput() {
        for (String command : new String[] {"query", "verify --output", "manifest compact --output"}) {
            CommandLineRun run = CommandLineRun.of((Object[]) (command + " " + output).split(" ", -1));
            assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
            assertThat(run.err())
                    .contains("Cannot read the manifest of file:" + output)
                    .contains("is it the --output of a run?");
        }
    }
}
