package org.i2lspark.jobs.catalog;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.Reader;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Rows as JSON objects, one after the other or in one array. */
final class JsonRows implements RowReader {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .build();

    /** A number of so many zeros is written with an exponent. */
    private static final int MAX_DIGITS = 40;

    private final JsonParser parser;
    private boolean started;

    JsonRows(Reader text) throws IOException {
        this.parser = MAPPER.createParser(text);
    }

    @Override
    public TableRow next() throws IOException {
        try {
            JsonToken token = parser.nextToken();
            if (!started && token == JsonToken.START_ARRAY) {
                token = parser.nextToken();
            }
            started = true;
            if (token == JsonToken.END_ARRAY) {
                token = parser.nextToken();
            }
            return token == null ? null : row(token);
        } catch (JsonProcessingException e) {
            throw new TableProblem("line %d: %s".formatted(e.getLocation().getLineNr(), e.getOriginalMessage()));
        }
    }

    private TableRow row(JsonToken token) throws IOException {
        String place = "line " + parser.currentTokenLocation().getLineNr();
        if (token != JsonToken.START_OBJECT) {
            throw new TableProblem("%s holds %s (expected an object for each row)".formatted(place, kind(token)));
        }
        JsonNode object = parser.readValueAsTree();
        List<String> names = new ArrayList<>();
        List<JsonNode> values = new ArrayList<>();
        object.properties().forEach(property -> {
            names.add(property.getKey());
            values.add(property.getValue());
        });
        Map<String, Integer> places;
        try {
            places = TableColumns.places(names);
        } catch (TableProblem e) {
            return TableRow.unusable(place + ": " + e.getMessage());
        }
        for (Map.Entry<String, Integer> column : places.entrySet()) {
            if (values.get(column.getValue()).isContainerNode()) {
                return TableRow.unusable("%s: its %s is an %s (expected text)"
                        .formatted(
                                place,
                                column.getKey(),
                                kind(values.get(column.getValue()).asToken())));
            }
        }
        return TableRow.of(place, column -> {
            Integer index = places.get(column);
            return index == null ? null : text(values.get(index));
        });
    }

    /** As a person would write it: no {@code 1.0} for what is the number 1. */
    private static String text(JsonNode value) {
        if (value.isNull()) {
            return null;
        }
        if (!value.isNumber()) {
            return value.asText();
        }
        BigDecimal number = value.decimalValue().stripTrailingZeros();
        return Math.abs(number.scale()) > MAX_DIGITS ? number.toString() : number.toPlainString();
    }

    private static String kind(JsonToken token) {
        return switch (token) {
            case START_ARRAY -> "array";
            case START_OBJECT -> "object";
            default ->
                token.name().toLowerCase(Locale.ROOT).replace("value_", "").replace('_', ' ');
        };
    }

    @Override
    public void close() throws IOException {
        parser.close();
    }
}
