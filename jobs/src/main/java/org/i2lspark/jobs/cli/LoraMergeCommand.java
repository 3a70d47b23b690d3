package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.lora.MergedLora;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code i2l lora merge}: several LoRAs as one. */
@Command(
        name = "merge",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Makes one LoRA that does what several do together.",
            "Its delta is the weighted sum of theirs, its rank the sum of their ranks.",
            ""
        },
        footer = {
            "",
            "Example:",
            "  i2l lora merge a.safetensors b.safetensors \\",
            "    --strength 1 --strength 0.5 --output ab.safetensors"
        })
final class LoraMergeCommand extends LoraTool {
    @Parameters(arity = "1..*", paramLabel = "LORA", description = "The LoRA files.")
    private List<String> inputs;

    @Option(
            names = "--strength",
            paramLabel = "S",
            description = "How strongly a LoRA counts; once for all, or once for each in their order. Default: 1.")
    private List<Double> strengths = new ArrayList<>();

    @Mixin
    private LoraFileOptions options;

    @Override
    void run(LoraStore store) throws IOException {
        if (strengths.size() > 1 && strengths.size() != inputs.size()) {
            throw new UnusableException("Invalid --strength: given %d times for %d LoRAs (expected once or for each)"
                    .formatted(strengths.size(), inputs.size()));
        }
        List<Double> each = strengths.size() > 1
                ? strengths
                : Collections.nCopies(inputs.size(), strengths.isEmpty() ? 1.0 : strengths.get(0));
        List<LoraFile> files = new ArrayList<>();
        try {
            for (String input : inputs) {
                files.add(store.open(input));
            }
            options.check(store, files.get(0));
            MergedLora merged = new MergedLora(files, each);
            long bytes = options.write(store, merged, files.get(0));
            report().document(options.facts(merged.rank(), bytes));
            report().say("%s: rank %d, %d bytes".formatted(options.output(), merged.rank(), bytes));
        } finally {
            for (LoraFile file : files) {
                file.close();
            }
        }
    }
}
