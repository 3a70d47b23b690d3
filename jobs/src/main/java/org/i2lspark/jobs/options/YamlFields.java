package org.i2lspark.jobs.options;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.i2lspark.jobs.UnusableException;

/** The fields of a YAML file: each is asked for once, and what was not asked for is refused. */
final class YamlFields {
    private static final YAMLMapper YAML = YAMLMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private final String location;
    private final JsonNode root;
    private final TreeSet<String> known = new TreeSet<>();

    private YamlFields(String location, JsonNode root) {
        this.location = location;
        this.root = root;
    }

    /**
     * Reads the fields of a file.
     *
     * @param location names it in messages
     * @throws UnusableException if it is no YAML, or not made of names and values
     */
    static YamlFields parse(String location, String yaml) throws UnusableException {
        JsonNode root = tree(location, yaml);
        boolean isEmpty = root.isMissingNode() || root.isNull();
        if (!isEmpty && !root.isObject()) {
            throw new UnusableException(
                    "Cannot read %s: it is no list of fields (expected lines such as 'seed: 0')".formatted(location));
        }
        return new YamlFields(location, isEmpty ? YAML.createObjectNode() : root);
    }

    private static JsonNode tree(String location, String yaml) throws UnusableException {
        try {
            return YAML.readTree(yaml);
        } catch (JsonProcessingException e) {
            String line = e.getLocation() == null
                    ? ""
                    : "line %d: ".formatted(e.getLocation().getLineNr());
            String said = e.getOriginalMessage().lines().findFirst().orElse("it is no YAML");
            throw new UnusableException("Cannot read %s: %s%s".formatted(location, line, said), e);
        }
    }

    Optional<String> text(String name) throws UnusableException {
        Optional<JsonNode> value = value(name);
        if (value.isPresent() && !value.get().isValueNode()) {
            throw invalid(name, value.get(), "a text");
        }
        return value.map(JsonNode::asText);
    }

    List<String> texts(String name, List<String> usual) throws UnusableException {
        Optional<JsonNode> value = value(name);
        if (value.isEmpty()) {
            return usual;
        }
        List<String> texts = new ArrayList<>();
        for (JsonNode text : value.get().isArray() ? value.get() : List.of(value.get())) {
            if (!text.isValueNode() || text.asText().isBlank()) {
                throw invalid(name, text, "a text, or a list of texts");
            }
            texts.add(text.asText());
        }
        return texts;
    }

    long wholeNumber(String name, long min, long max, long usual) throws UnusableException {
        Optional<JsonNode> value = value(name);
        if (value.isEmpty()) {
            return usual;
        }
        JsonNode number = value.get();
        if (!number.isIntegralNumber()
                || !number.canConvertToLong()
                || number.asLong() < min
                || number.asLong() > max) {
            throw invalid(name, number, "a whole number from %d to %d".formatted(min, max));
        }
        return number.asLong();
    }

    double number(String name, double min, double max, double usual) throws UnusableException {
        Optional<JsonNode> value = value(name);
        if (value.isEmpty()) {
            return usual;
        }
        double number = value.get().isNumber() ? value.get().asDouble() : Double.NaN;
        if (!(number >= min && number <= max)) {
            throw invalid(
                    name,
                    value.get(),
                    "a number from %s to %s".formatted(PictureSettings.number(min), PictureSettings.number(max)));
        }
        return number;
    }

    <E extends Enum<E>> E choice(String name, Class<E> choices, E usual) throws UnusableException {
        Optional<String> text = text(name);
        if (text.isEmpty()) {
            return usual;
        }
        for (E choice : choices.getEnumConstants()) {
            if (GenerateOptions.lower(choice).equals(text.get().toLowerCase(Locale.ROOT))) {
                return choice;
            }
        }
        String all = Stream.of(choices.getEnumConstants())
                .map(GenerateOptions::lower)
                .collect(Collectors.joining(" or "));
        throw invalid(name, root.get(name), all);
    }

    /** To be called when all were asked for. */
    void requireNoOthers() throws UnusableException {
        for (Iterator<String> names = root.fieldNames(); names.hasNext(); ) {
            String name = names.next();
            if (!known.contains(name)) {
                throw new UnusableException("Invalid field in %s: '%s' (there is none of that name; did you mean %s?)"
                        .formatted(location, name, Nearest.to(name, known)));
            }
        }
    }

    private Optional<JsonNode> value(String name) {
        known.add(name);
        return Optional.ofNullable(root.get(name)).filter(value -> !value.isNull());
    }

    private UnusableException invalid(String name, JsonNode value, String expected) {
        return new UnusableException("Invalid %s in %s: %s (expected %s)".formatted(name, location, value, expected));
    }
}
