package org.i2lspark.jobs.cli;

import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
import org.i2lspark.lora.LoraDistance;
import org.i2lspark.lora.LoraFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code i2l lora inspect}: what is in a LoRA file. */
@Command(
        name = "inspect",
        mixinStandardHelpOptions = true,
        description = "Shows rank, type, key format, metadata and the norms of the deltas by layer and by block.")
final class LoraInspectCommand implements Callable<Integer> {
    @Parameters(paramLabel = "LORA", description = "The LoRA file.")
    private Path path;

    @Option(names = "--json", description = "Print everything as JSON, with the norm of each module.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        try (LoraFile lora = LoraFileOptions.open(path)) {
            Map<String, Double> norms = LoraDistance.norms(lora);
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("file", path.toString());
            facts.put("rank", lora.rank());
            facts.put("dtype", lora.type().name().toLowerCase(Locale.ROOT));
            facts.put("key_format", lora.keyFormat().id());
            facts.put("modules", lora.modules().size());
            facts.put("norm", hypotenuse(norms, module -> "").getOrDefault("", 0.0));
            facts.put("norm_by_layer", hypotenuse(norms, LoraInspectCommand::layer));
            facts.put("norm_by_block", hypotenuse(norms, LoraInspectCommand::block));
            facts.put("metadata", lora.metadata());
            if (json) {
                facts.put("norm_by_module", norms);
                print(JsonMapper.builder()
                        .enable(SerializationFeature.INDENT_OUTPUT)
                        .build()
                        .writeValueAsString(facts));
            } else {
                facts.forEach(this::printFact);
            }
            return 0;
        }
    }

    private void printFact(String name, Object value) {
        if (value instanceof Map<?, ?> map) {
            print(name + ":");
            map.forEach((key, entry) -> print("  %-18s %s".formatted(key, shown(entry))));
        } else {
            print("%-11s %s".formatted(name, shown(value)));
        }
    }

    private static Object shown(Object value) {
        return value instanceof Double number ? String.format(Locale.ROOT, "%.4g", number) : value;
    }

    private static Map<String, Double> hypotenuse(Map<String, Double> norms, UnaryOperator<String> group) {
        Map<String, Double> grouped = new TreeMap<>();
        norms.forEach((module, norm) -> grouped.merge(group.apply(module), norm, Math::hypot));
        return grouped;
    }

    /** {@code attn.to_q} of {@code transformer_blocks.0.attn.to_q}. */
    private static String layer(String module) {
        return module.substring(module.indexOf('.', module.indexOf('.') + 1) + 1);
    }

    /** {@code 00} of {@code transformer_blocks.0.attn.to_q}, so that blocks sort by number. */
    private static String block(String module) {
        int start = module.indexOf('.') + 1;
        return "%02d".formatted(Integer.parseInt(module.substring(start, module.indexOf('.', start))));
    }

    private void print(String line) {
        spec.commandLine().getOut().println(line);
        spec.commandLine().getOut().flush();
    }
}
