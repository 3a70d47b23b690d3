package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.i2lspark.lora.LoraDistance;
import org.i2lspark.lora.LoraFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code i2l lora diff}: how far two LoRAs lie apart. */
@Command(
        name = "diff",
        mixinStandardHelpOptions = true,
        description =
                "Compares two LoRAs by what they do, their deltas: cosine, and norm of the difference relative to the first.")
final class LoraDiffCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "A", description = "A LoRA file.")
    private Path first;

    @Parameters(index = "1", paramLabel = "B", description = "Another; format, type and rank may differ.")
    private Path second;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        try (LoraFile a = LoraFileOptions.open(first);
                LoraFile b = LoraFileOptions.open(second)) {
            Map<String, LoraDistance> distances = LoraDistance.between(a, b);
            print("module", "cosine", "relative");
            distances.forEach(this::print);
            print("all", LoraDistance.total(distances));
            spec.commandLine().getOut().flush();
            return 0;
        }
    }

    private void print(String name, LoraDistance distance) {
        print(
                name,
                String.format(Locale.ROOT, "%.6f", distance.cosine()),
                String.format(Locale.ROOT, "%.3e", distance.relativeNorm()));
    }

    private void print(String name, String cosine, String relative) {
        spec.commandLine().getOut().println("%-45s %10s %12s".formatted(name, cosine, relative));
    }
}
