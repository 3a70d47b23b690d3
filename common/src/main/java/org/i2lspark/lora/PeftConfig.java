package org.i2lspark.lora;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.lora.Transformer.Block;
import org.i2lspark.lora.Transformer.Stack;

/**
 * PEFT's config of a LoRA, which holds its strength: beside the weights, or, as diffusers writes it, in their header. It is
 * read as PEFT 0.21.2 reads it; what would make more of the factors than B·A times a number is refused.
 */
public final class PeftConfig {
    /** The weights in a folder that PEFT reads. */
    public static final String WEIGHTS_FILE = "adapter_model.safetensors";
    /** The config in a folder that PEFT reads. */
    public static final String CONFIG_FILE = "adapter_config.json";

    /** The header field in which diffusers keeps configs, each field's name behind that of the component it is for. */
    static final String HEADER_FIELD = "lora_adapter_metadata";

    private static final JsonMapper JSON = new JsonMapper();
    private static final String COMPONENT = "transformer.";

    /** PEFT's own default of {@code r} and of {@code lora_alpha}. */
    private static final int DEFAULT = 8;

    /** Fields that, when they say anything, stand for more than B·A times a number. */
    private static final List<String> UNSUPPORTED = List.of(
            "use_dora",
            "lora_bias",
            "modules_to_save",
            "trainable_token_indices",
            "target_parameters",
            "layer_replication",
            "alora_invocation_tokens",
            "use_qalora",
            "use_bdlora",
            "arrow_config",
            "kasa_config",
            "monteclora_config");

    /** Ways to initialise that change the base model's weights too, so that the factors alone are not the delta. */
    private static final Pattern CHANGES_BASE = Pattern.compile("(?i)(pissa|corda).*|olora|mica|loftq|lora_ga");

    private final String location;
    private final JsonNode root;
    private final Map<Pattern, Double> ranks;
    private final Map<Pattern, Double> alphas;

    private PeftConfig(String location, JsonNode root) throws IOException {
        this.location = location;
        this.root = root;
        this.ranks = patterns("rank_pattern");
        this.alphas = patterns("alpha_pattern");
        refuseUnsupported();
    }

    /**
     * Reads {@value #CONFIG_FILE}.
     *
     * @throws IOException if it is no config of a LoRA, or asks for what is not supported
     */
    static PeftConfig ofFile(String location, byte[] json) throws IOException {
        return new PeftConfig(location, parse(location, new String(json, UTF_8)));
    }

    /**
     * Reads what diffusers says in a file's header, if it says anything.
     *
     * @throws IOException as for a file, or if it says nothing of the transformer
     */
    static Optional<PeftConfig> ofHeader(String location, Map<String, String> header) throws IOException {
        String json = header.get(HEADER_FIELD);
        if (json == null) {
            return Optional.empty();
        }
        String place = HEADER_FIELD + " in the header of " + location;
        JsonNode all = parse(place, json);
        ObjectNode own = JSON.createObjectNode();
        boolean byComponent =
                all.properties().stream().anyMatch(field -> field.getKey().startsWith(COMPONENT));
        all.properties().forEach(field -> {
            if (!byComponent) {
                own.set(field.getKey(), field.getValue());
            } else if (field.getKey().startsWith(COMPONENT)) {
                own.set(field.getKey().substring(COMPONENT.length()), field.getValue());
            }
        });
        if (!own.isEmpty() && !own.has("r") && !own.has("lora_alpha")) {
            throw new IOException(
                    "Invalid %s: it says nothing of the transformer (expected r and lora_alpha)".formatted(place));
        }
        return own.isEmpty() ? Optional.empty() : Optional.of(new PeftConfig(place, own));
    }

    private static JsonNode parse(String location, String json) throws IOException {
        JsonNode root;
        try {
            root = JSON.readTree(json);
        } catch (JsonProcessingException e) {
            throw new IOException("Invalid %s: it is not JSON: %s".formatted(location, e.getOriginalMessage()), e);
        }
        if (!root.isObject()) {
            throw new IOException("Invalid %s: it is no JSON object".formatted(location));
        }
        return root;
    }

    private void refuseUnsupported() throws IOException {
        String type = root.path("peft_type").asText("LORA");
        if (!type.equals("LORA")) {
            throw unsupported("peft_type", type);
        }
        for (String field : UNSUPPORTED) {
            JsonNode value = root.path(field);
            boolean says = value.isContainerNode() ? !value.isEmpty() : value.asBoolean() || value.isTextual();
            if (says) {
                throw unsupported(field, value.toString());
            }
        }
        if (!root.path("bias").asText("none").equals("none")) {
            throw unsupported("bias", root.path("bias").asText());
        }
        JsonNode init = root.path("init_lora_weights");
        if (init.isTextual() && CHANGES_BASE.matcher(init.asText()).matches()) {
            throw unsupported("init_lora_weights", init.asText());
        }
    }

    private IOException unsupported(String field, String value) {
        return new IOException(
                "Cannot read %s: %s is %s, which is not supported (expected a plain LoRA, whose delta is B·A times a number)"
                        .formatted(location, field, value));
    }

    /** PEFT's rule: the first pattern that a module's name ends with, at a dot. */
    private Map<Pattern, Double> patterns(String field) throws IOException {
        Map<Pattern, Double> patterns = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : root.path(field).properties()) {
            try {
                // Python's way to name a group
                String regex = entry.getKey().replace("(?P<", "(?<");
                patterns.put(
                        Pattern.compile("(.*\\.)?(" + regex + ")$"),
                        number(field + "." + entry.getKey(), entry.getValue()));
            } catch (PatternSyntaxException e) {
                throw new IOException(
                        "Invalid %s: %s '%s' is no regular expression: %s"
                                .formatted(location, field, entry.getKey(), e.getDescription()),
                        e);
            }
        }
        return patterns;
    }

    private double number(String field, JsonNode value) throws IOException {
        if (!value.isNumber() || !Double.isFinite(value.asDouble())) {
            throw new IOException("Invalid %s: %s is %s (expected a number)".formatted(location, field, value));
        }
        return value.asDouble();
    }

    private double of(String module, Map<Pattern, Double> patterns, String field) throws IOException {
        for (Map.Entry<Pattern, Double> pattern : patterns.entrySet()) {
            if (pattern.getKey().matcher(module).lookingAt()) {
                return pattern.getValue();
            }
        }
        return root.hasNonNull(field) ? number(field, root.get(field)) : DEFAULT;
    }

    /**
     * What a module's B·A is multiplied with.
     *
     * @throws IOException if the config says another rank than the factors have
     */
    double scale(String module, int rank) throws IOException {
        double said = of(module, ranks, "r");
        if (said != rank) {
            throw new IOException(
                    "Cannot read %s: it gives %s rank %s, its factors have %d; PEFT cannot load that either"
                            .formatted(location, module, String.valueOf(said).replaceFirst("\\.0$", ""), rank));
        }
        return of(module, alphas, "lora_alpha") / (root.path("use_rslora").asBoolean() ? Math.sqrt(rank) : rank);
    }

    /** The base model that the config names, empty where it names none. */
    String baseModel() {
        return root.path("base_model_name_or_path").asText("");
    }

    /** The {@value #CONFIG_FILE} for a LoRA whose modules are all written with one rank and a scale of one. */
    public static byte[] write(LoraSource lora) throws IOException {
        Map<String, Object> config = new TreeMap<>();
        config.put("peft_type", "LORA");
        config.put("base_model_name_or_path", baseModel(lora));
        config.put("r", lora.rank());
        config.put("lora_alpha", lora.rank());
        config.put("lora_dropout", 0.0);
        config.put("bias", "none");
        config.put("fan_in_fan_out", false);
        config.put("inference_mode", true);
        config.put(
                "target_modules",
                targets(
                        lora.transformer(),
                        lora.modules().stream().map(Shape::name).toList()));
        return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(config);
    }

    /** As the LoRA says it, else the one whose layers it names. */
    private static String baseModel(LoraSource lora) {
        return lora.metadata()
                .getOrDefault(LoraHeader.BASE_MODEL, lora.transformer().hubId());
    }

    /** Layers, where each is adapted from the first block to the last; else full names, for PEFT would adapt more. */
    private static Collection<String> targets(Transformer transformer, List<String> modules) {
        Map<String, Set<Block>> blocks = new TreeMap<>();
        for (String module : modules) {
            Set<Block> own = blocks.computeIfAbsent(Transformer.layer(module), layer -> new HashSet<>());
            Transformer.block(module).ifPresent(own::add);
        }
        Set<Block> all = blocks.values().stream().flatMap(Set::stream).collect(Collectors.toSet());
        boolean inAllBlocks = blocks.values().stream().allMatch(own -> own.isEmpty() || own.equals(all));
        return inAllBlocks && (all.isEmpty() || isWhole(transformer, all)) ? blocks.keySet() : modules;
    }

    /** Whether these are the blocks of all stacks, of each from the first on. */
    private static boolean isWhole(Transformer transformer, Set<Block> blocks) {
        return transformer.stacks().stream().map(Stack::name).allMatch(stack -> {
            Set<Integer> own = blocks.stream()
                    .filter(block -> block.stack().equals(stack))
                    .map(Block::number)
                    .collect(Collectors.toSet());
            return !own.isEmpty()
                    && own.equals(IntStream.range(0, own.size()).boxed().collect(Collectors.toSet()));
        });
    }
}
