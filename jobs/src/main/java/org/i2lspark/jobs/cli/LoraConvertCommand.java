package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.i2lspark.lora.LoraFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code i2l lora convert}: a LoRA for another tool. */
@Command(
        name = "convert",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Writes a LoRA with the names that another tool reads, or in another type.",
            "Its scale is baked into the factors. Only kohya's format has alphas, equal to the rank.",
            ""
        },
        footer = {
            "",
            "Example:",
            "  i2l lora convert style.safetensors --key-format diffusers --output other.safetensors"
        })
final class LoraConvertCommand implements Callable<Integer> {
    @Parameters(paramLabel = "LORA", description = "The LoRA file.")
    private Path input;

    @Mixin
    private LoraFileOptions options;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        try (LoraFile file = LoraFileOptions.open(input)) {
            long bytes = options.write(file, file);
            spec.commandLine().getOut().println("%s: %d bytes".formatted(options.output(), bytes));
            return 0;
        }
    }
}
