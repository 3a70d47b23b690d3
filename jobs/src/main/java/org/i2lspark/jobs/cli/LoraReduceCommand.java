package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.lora.ReducedLora;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code i2l lora reduce}: a LoRA of a lower rank. */
@Command(
        name = "reduce",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Brings a LoRA to a lower rank: each delta becomes the closest one of that rank (truncated SVD).",
            "The relative error is reported and goes into the file's metadata.",
            ""
        },
        footer = {"", "Example:", "  i2l lora reduce style.safetensors --rank 8 --output small.safetensors"})
final class LoraReduceCommand implements Callable<Integer> {
    @Parameters(paramLabel = "LORA", description = "The LoRA file.")
    private Path input;

    @ArgGroup(multiplicity = "1")
    private Target target;

    private static final class Target {
        @Option(names = "--rank", paramLabel = "R", description = "The rank to reduce to.")
        private Integer rank;

        @Option(
                names = "--max-error",
                paramLabel = "E",
                description =
                        "Reduce to the lowest rank whose relative error over all modules is at most E, from 0 to 1.")
        private Double maxError;
    }

    @Option(names = "--errors", description = "Print the relative error of each module.")
    private boolean errors;

    @Mixin
    private LoraFileOptions options;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        try (LoraFile file = LoraFileOptions.open(input)) {
            ReducedLora reduced = target.rank != null
                    ? ReducedLora.toRank(file, target.rank)
                    : ReducedLora.toError(file, target.maxError);
            long bytes = options.write(reduced, file);
            if (errors) {
                for (Map.Entry<String, Double> module : reduced.errors().entrySet()) {
                    print(String.format(Locale.ROOT, "%-45s %.3e", module.getKey(), module.getValue()));
                }
            }
            print(String.format(
                    Locale.ROOT,
                    "%s: rank %d (was %d), relative error %.3e, %d bytes",
                    options.output(),
                    reduced.rank(),
                    file.rank(),
                    reduced.error(),
                    bytes));
            return 0;
        }
    }

    private void print(String line) {
        spec.commandLine().getOut().println(line);
    }
}
