package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.i2lspark.jobs.manifest.ManifestTable;
import org.i2lspark.jobs.manifest.Rows;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QueryCommandTest {
    @TempDir
    private Path output;

    @Test
    void refusesWhatIsNoOutput() {
        CommandLineRun run = CommandLineRun.of("query", output);
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err()).contains("Cannot query " + output).contains("is it the --output of a run?");
    }

    @Test
    void refusesWrongSql() throws IOException {
        for (ManifestTable table : ManifestTable.values()) {
            Path folder = Files.createDirectories(Path.of(
                    table.folder(new org.apache.hadoop.fs.Path(output.toUri())).toUri()));
            Files.write(folder.resolve("0.parquet"), new Rows(table).toParquet());
        }
        CommandLineRun run = CommandLineRun.of("query", output, "SELECT nonsense FROM loras");
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(run.err()).contains("Cannot run the query").contains("`nonsense` cannot be resolved");
        assertThat(CommandLineRun.of("query", output, "SELECT count(*) FROM images, runs")
                        .exitCode())
                .isZero();
    }
}
