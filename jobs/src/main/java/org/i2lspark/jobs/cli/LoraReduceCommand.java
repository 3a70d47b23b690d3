package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.Locale;
import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.Bounds;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.lora.ReducedLora;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

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
final class LoraReduceCommand extends LoraTool {
    @Parameters(paramLabel = "LORA", description = "The LoRA file, or a folder of PEFT or diffusers.")
    private String input;

    @ArgGroup(multiplicity = "1")
    private Target target;

    private static final class Target {
        @Bounds(min = 1)
        @Option(names = "--rank", paramLabel = "R", description = "The rank to reduce to.")
        private Integer rank;

        @Option(
                names = "--max-error",
                paramLabel = "E",
                description =
                        "Reduce to the lowest rank whose relative error over all modules is at most E, from 0 to 1.")
        private Double maxError;

        private void check() throws UnusableException {
            if (maxError != null && !(maxError >= 0 && maxError < 1)) {
                throw new UnusableException("Invalid --max-error: %s (expected 0 to 1)".formatted(maxError));
            }
        }
    }

    @Option(names = "--errors", description = "Print the relative error of each module.")
    private boolean errors;

    @Mixin
    private LoraFileOptions options;

    @Override
    void run(LoraStore store) throws IOException {
        try (LoraFile file = store.open(input)) {
            target.check();
            options.check(store, file);
            ReducedLora reduced = target.rank != null
                    ? ReducedLora.toRank(file, target.rank)
                    : ReducedLora.toError(file, target.maxError);
            long bytes = options.write(store, reduced, file);
            Map<String, Object> facts = options.facts(reduced.rank(), bytes);
            facts.put("rank_before", file.rank());
            facts.put("relative_error", reduced.reduction().error());
            if (errors) {
                facts.put("relative_error_by_module", reduced.reduction().errors());
                reduced.reduction()
                        .errors()
                        .forEach((module, error) ->
                                report().say(String.format(Locale.ROOT, "%-45s %.3e", module, error)));
            }
            report().document(facts);
            report().say(String.format(
                    Locale.ROOT,
                    "%s: rank %d (was %d), relative error %.3e, %d bytes",
                    options.output(),
                    reduced.rank(),
                    file.rank(),
                    reduced.reduction().error(),
                    bytes));
        }
    }
}
