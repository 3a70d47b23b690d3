package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.i2lspark.lora.LoraDistance;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.lora.Transformer;
import org.i2lspark.safetensors.DType;
import org.i2lspark.torch.ElementType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code i2l lora inspect}: what is in a LoRA file. */
@Command(
        name = "inspect",
        mixinStandardHelpOptions = true,
        description =
                "Shows rank, type, key format, metadata and the norms of the deltas by layer and by block, with --json also by module.")
final class LoraInspectCommand extends LoraTool {
    @Parameters(
            paramLabel = "LORA",
            description = "The LoRA file, or a folder of PEFT or diffusers: a local path or a URI.")
    private String path;

    @Override
    void run(LoraStore store) throws IOException {
        try (LoraFile lora = store.open(path)) {
            Map<String, Double> norms = LoraDistance.norms(lora);
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("file", path);
            facts.put("base_model", lora.transformer().title());
            facts.put("rank", lora.rank());
            facts.put("dtype", types(lora));
            facts.put("key_format", lora.keyFormat().id());
            facts.put("names", lora.exampleName());
            facts.put("modules", lora.modules().size());
            facts.put("norm", hypotenuse(norms, module -> "").getOrDefault("", 0.0));
            facts.put("norm_by_layer", hypotenuse(norms, Transformer::layer));
            facts.put("norm_by_block", hypotenuse(norms, LoraInspectCommand::block));
            facts.put("metadata", lora.metadata());
            facts.forEach(this::say);
            facts.put("norm_by_module", norms);
            report().document(facts);
        }
    }

    private void say(String name, Object value) {
        if (value instanceof Map<?, ?> map) {
            report().say(name + ":");
            map.forEach((key, entry) -> report().say("  %-18s %s".formatted(key, shown(entry))));
        } else {
            report().say("%-11s %s".formatted(name, shown(value)));
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

    /** The types of the factors, such as {@code bfloat16}; several where they differ. */
    private static String types(LoraFile lora) {
        return lora.storedTypes().stream()
                .map(LoraInspectCommand::name)
                .sorted()
                .collect(Collectors.joining(", "))
                .toLowerCase(Locale.ROOT);
    }

    /** As torch names it, where it has the type: {@code float8_e4m3} for {@code F8_E4M3}. */
    private static String name(DType type) {
        return ElementType.of(type).map(ElementType::name).orElse(type.name().replaceFirst("^F", "FLOAT"));
    }

    /** {@code transformer_blocks.00} of {@code transformer_blocks.0.attn.to_q}, so that blocks sort by number. */
    private static String block(String module) {
        return Transformer.block(module)
                .map(block -> "%s.%02d".formatted(block.stack(), block.number()))
                .orElse("outside");
    }
}
