package org.i2lspark.jobs.cli;

import java.io.IOException;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.storage.Storage;
import picocli.CommandLine.Option;

/** The output that a command looks after. */
final class OutputOptions {
    @Option(names = "--output", required = true, paramLabel = "URI", description = "The --output of runs.")
    private String output;

    /**
     * The output's layout.
     *
     * @throws UnusableException if its store cannot be reached
     */
    OutputLayout layout(Storage storage) throws IOException {
        Path path = new Path(output);
        storage.requireReachable(path, "output");
        return new OutputLayout(storage.qualify(path).toString());
    }

    void check() throws UnusableException {
        Locations.require("--output", output);
    }
}
