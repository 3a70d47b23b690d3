package org.i2lspark.encoder;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Typed access to a Hugging Face {@code config.json}; every message names the file and the field. */
public final class HuggingFaceConfig {
    private static final JsonMapper JSON = new JsonMapper();

    private final Path path;
    private final JsonNode root;

    private HuggingFaceConfig(Path path, JsonNode root) {
        this.path = path;
        this.root = root;
    }

    /** Reads the file; of a combined text and vision config, the vision part. */
    public static HuggingFaceConfig read(Path path) throws IOException {
        return readWhole(path).partOrSelf("vision_config");
    }

    /** Reads the file. */
    public static HuggingFaceConfig readWhole(Path path) throws IOException {
        try {
            return new HuggingFaceConfig(path, JSON.readTree(Files.readAllBytes(path)));
        } catch (JsonProcessingException e) {
            throw new IOException("Invalid %s: not valid JSON: %s".formatted(path, e.getOriginalMessage()), e);
        }
    }

    /** The object in a field. */
    public HuggingFaceConfig part(String field) throws IOException {
        if (!root.path(field).isObject()) {
            throw invalid(field, "an object");
        }
        return new HuggingFaceConfig(path, root.path(field));
    }

    /** The object in a field, or this one where there is none. */
    public HuggingFaceConfig partOrSelf(String field) throws IOException {
        return root.path(field).isObject() ? part(field) : this;
    }

    /** Whole numbers, none negative; the default where there is no such field. */
    public List<Integer> positives(String field, List<Integer> byDefault) throws IOException {
        JsonNode array = root.path(field);
        if (array.isMissingNode()) {
            return byDefault;
        }
        List<Integer> numbers = new ArrayList<>();
        for (JsonNode number : array) {
            if (!number.isIntegralNumber() || !number.canConvertToInt() || number.intValue() < 0) {
                throw invalid(field, "an array of whole numbers");
            }
            numbers.add(number.intValue());
        }
        return List.copyOf(numbers);
    }

    /** A whole number, at least 1. */
    public int positive(String field) throws IOException {
        JsonNode value = root.path(field);
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 1) {
            throw invalid(field, "a positive whole number");
        }
        return value.intValue();
    }

    /** The same; the default where there is no such field. */
    public int positive(String field, int byDefault) throws IOException {
        return root.has(field) ? positive(field) : byDefault;
    }

    /** A number; the default where there is no such field. */
    public double number(String field, double byDefault) throws IOException {
        JsonNode value = root.path(field);
        if (value.isMissingNode()) {
            return byDefault;
        }
        if (!value.isNumber()) {
            throw invalid(field, "a number");
        }
        return value.doubleValue();
    }

    /** A number; empty where there is no such field, or null in it. */
    public Optional<Double> optionalNumber(String field) throws IOException {
        return root.path(field).isMissingNode() || root.path(field).isNull()
                ? Optional.empty()
                : Optional.of(number(field, 0));
    }

    /** Numbers; the default where there is no such field. */
    public List<Double> numbers(String field, List<Double> byDefault) throws IOException {
        JsonNode array = root.path(field);
        if (array.isMissingNode()) {
            return byDefault;
        }
        List<Double> numbers = new ArrayList<>();
        for (JsonNode number : array) {
            if (!number.isNumber()) {
                throw invalid(field, "an array of numbers");
            }
            numbers.add(number.doubleValue());
        }
        return List.copyOf(numbers);
    }

    /** Refuses a model whose graph differs from ours in this field. An absent field is taken to agree. */
    public void require(String field, Object expected) throws IOException {
        JsonNode value = root.path(field);
        if (!value.isMissingNode() && !value.asText().equals(expected.toString())) {
            throw invalid(field, expected + ", the only graph that is supported");
        }
    }

    /** What is wrong with a field, to be thrown. */
    public IOException invalid(String field, String expected) {
        return new IOException(
                "Invalid %s: field %s is %s (expected %s)".formatted(path, field, root.path(field), expected));
    }
}
