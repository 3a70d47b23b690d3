package org.i2lspark.jobs.cli;

import java.io.IOException;
import org.i2lspark.lora.LoraFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code i2l lora convert}: a LoRA for another tool. */
@Command(
        name = "convert",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Writes a LoRA with the names that another tool reads, or in another type.",
            "Its strength is baked into the factors, and all modules get the same rank, so that all tools read the same.",
            ""
        },
        footer = {
            "",
            "Example:",
            "  i2l lora convert style.safetensors --key-format diffusers \\",
            "    --output other.safetensors"
        })
final class LoraConvertCommand extends LoraTool {
    @Parameters(paramLabel = "LORA", description = "The LoRA file, or a folder of PEFT or diffusers.")
    private String input;

    @Mixin
    private LoraFileOptions options;

    @Override
    void run(LoraStore store) throws IOException {
        try (LoraFile file = store.open(input)) {
            options.check(store, file);
            long bytes = options.write(store, file, file);
            report().document(options.facts(file.rank(), bytes));
            report().say("%s: %d bytes".formatted(options.output(), bytes));
        }
    }
}
