package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.i2lspark.lora.LoraDistance;
import org.i2lspark.lora.LoraFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code i2l lora diff}: how far two LoRAs lie apart. */
@Command(
        name = "diff",
        mixinStandardHelpOptions = true,
        description =
                "Compares two LoRAs by what they do, their deltas: cosine, and norm of the difference relative to the first.")
final class LoraDiffCommand extends LoraTool {
    @Parameters(index = "0", paramLabel = "A", description = "A LoRA file: a local path or a URI.")
    private String first;

    @Parameters(index = "1", paramLabel = "B", description = "Another; names, type and rank may differ.")
    private String second;

    @Override
    void run(LoraStore store) throws IOException {
        try (LoraFile a = store.open(first);
                LoraFile b = store.open(second)) {
            Map<String, LoraDistance> distances = new LinkedHashMap<>(LoraDistance.between(a, b));
            LoraDistance total = LoraDistance.total(distances);
            distances.put("all", total);
            report().document(facts(distances));
            say("module", "cosine", "relative");
            distances.forEach(this::say);
        }
    }

    private static Map<String, Object> facts(Map<String, LoraDistance> distances) {
        Map<String, Object> facts = new LinkedHashMap<>();
        distances.forEach((name, distance) ->
                facts.put(name, Map.of("cosine", distance.cosine(), "relative_norm", distance.relativeNorm())));
        return facts;
    }

    private void say(String name, LoraDistance distance) {
        say(
                name,
                String.format(Locale.ROOT, "%.6f", distance.cosine()),
                String.format(Locale.ROOT, "%.3e", distance.relativeNorm()));
    }

    private void say(String name, String cosine, String relative) {
        report().say("%-45s %10s %12s".formatted(name, cosine, relative));
    }
}
