package org.i2lspark.jobs.cli;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.i2lspark.lora.LoraDistance;
import org.i2lspark.lora.LoraFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
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

    @Option(names = "--json", description = "Print everything as JSON.")
    private boolean json;

    @Override
    void run(LoraStore store) throws IOException {
        try (LoraFile a = store.open(first);
                LoraFile b = store.open(second)) {
            Map<String, LoraDistance> distances = new LinkedHashMap<>(LoraDistance.between(a, b));
            LoraDistance total = LoraDistance.total(distances);
            distances.put("all", total);
            if (json) {
                print(json(distances));
            } else {
                print("module", "cosine", "relative");
                distances.forEach(this::print);
            }
        }
    }

    private static String json(Map<String, LoraDistance> distances) throws IOException {
        Map<String, Object> facts = new LinkedHashMap<>();
        distances.forEach((name, distance) ->
                facts.put(name, Map.of("cosine", distance.cosine(), "relative_norm", distance.relativeNorm())));
        return JsonMapper.builder().build().writerWithDefaultPrettyPrinter().writeValueAsString(facts);
    }

    private void print(String name, LoraDistance distance) {
        print(
                name,
                String.format(Locale.ROOT, "%.6f", distance.cosine()),
                String.format(Locale.ROOT, "%.3e", distance.relativeNorm()));
    }

    private void print(String name, String cosine, String relative) {
        print("%-45s %10s %12s".formatted(name, cosine, relative));
    }
}
