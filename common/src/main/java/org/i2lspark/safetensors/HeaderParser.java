package org.i2lspark.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Parses the JSON header of a safetensors file and checks every rule of the format. */
final class HeaderParser {
    static final String METADATA_KEY = "__metadata__";
    static final int LENGTH_BYTES = Long.BYTES;

    private static final JsonFactory JSON = new JsonFactory();
    private static final Set<String> DTYPE_NAMES =
            Arrays.stream(DType.values()).map(DType::name).collect(Collectors.toUnmodifiableSet());

    private final String file;
    private final byte[] json;
    private final long dataSize;
    private final Map<String, TensorInfo> tensors = new TreeMap<>();
    private final Map<String, Long> positions = new TreeMap<>();
    private Map<String, String> metadata;

    private HeaderParser(String file, byte[] json, long dataSize) {
        this.file = file;
        this.json = json;
        this.dataSize = dataSize;
    }

    record Header(Map<String, TensorInfo> tensors, Map<String, String> metadata) {}

    static Header parse(String file, byte[] json, long dataSize) throws IOException {
        HeaderParser parser = new HeaderParser(file, json, dataSize);
        parser.checkUtf8();
        parser.parseObject();
        parser.checkLayout();
        return new Header(parser.tensors, parser.metadata == null ? Map.of() : parser.metadata);
    }

    private void checkUtf8() throws MalformedSafetensorsException {
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
        ByteBuffer in = ByteBuffer.wrap(json);
        CharBuffer out = CharBuffer.allocate(8192);
        CoderResult result;
        do {
            out.clear();
            result = decoder.decode(in, out, true);
        } while (result.isOverflow());
        if (result.isError()) {
            throw malformed(in.position(), "the header is not UTF-8");
        }
    }

    private void parseObject() throws IOException {
        // Jackson would skip a byte order mark, and guess UTF-16 or UTF-32 from zero bytes
        if (json.length < 2 || json[0] != '{' || json[1] == 0) {
            throw malformed(0, "the header is not a JSON object, it must begin with '{'");
        }
        try (JsonParser parser = JSON.createParser(json)) {
            parser.nextToken();
            while (parser.nextToken() != JsonToken.END_OBJECT) {
                String name = parser.currentName();
                long position = parser.currentTokenLocation().getByteOffset();
                parser.nextToken();
                if (name.equals(METADATA_KEY)) {
                    parseMetadata(parser, position);
                } else {
                    parseTensor(parser, name, position);
                }
            }
            checkNothingFollows(parser);
        } catch (JsonProcessingException e) {
            throw malformed(
                    Math.max(0, e.getLocation() == null ? 0 : e.getLocation().getByteOffset()),
                    "the header is not valid JSON: " + e.getOriginalMessage());
        }
    }

    private void checkNothingFollows(JsonParser parser) throws IOException {
        int end = Math.toIntExact(parser.currentLocation().getByteOffset());
        for (int i = end; i < json.length; i++) {
            if (json[i] != ' ' && json[i] != '\n' && json[i] != '\r' && json[i] != '\t') {
                throw malformed(i, "junk after the header's JSON object");
            }
        }
    }

    private void parseMetadata(JsonParser parser, long position) throws IOException {
        if (metadata != null) {
            throw malformed(position, "duplicate field " + METADATA_KEY);
        }
        if (parser.currentToken() != JsonToken.START_OBJECT) {
            throw malformed(position, METADATA_KEY + " must be an object of strings");
        }
        metadata = new TreeMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String key = parser.currentName();
            if (parser.nextToken() != JsonToken.VALUE_STRING) {
                throw malformed(position(parser), METADATA_KEY + " field '" + key + "' must be a string");
            }
            if (metadata.put(key, parser.getText()) != null) {
                throw malformed(position(parser), "duplicate " + METADATA_KEY + " field '" + key + "'");
            }
        }
    }

    private void parseTensor(JsonParser parser, String name, long position) throws IOException {
        if (parser.currentToken() != JsonToken.START_OBJECT) {
            throw malformed(position, name, "must be an object with dtype, shape and data_offsets");
        }
        DType dtype = null;
        List<Long> shape = null;
        List<Long> offsets = null;
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String field = parser.currentName();
            long fieldPosition = position(parser);
            parser.nextToken();
            switch (field) {
                case "dtype" -> {
                    refuseDuplicate(dtype, name, field, fieldPosition);
                    dtype = parseDType(parser, name);
                }
                case "shape" -> {
                    refuseDuplicate(shape, name, field, fieldPosition);
                    shape = parseNumbers(parser, name, field);
                }
                case "data_offsets" -> {
                    refuseDuplicate(offsets, name, field, fieldPosition);
                    offsets = parseNumbers(parser, name, field);
                    if (offsets.size() != 2) {
                        throw malformed(
                                fieldPosition, name, "data_offsets must hold two numbers, not " + offsets.size());
                    }
                }
                default -> parser.skipChildren();
            }
        }
        requireField(dtype, name, "dtype", position);
        requireField(shape, name, "shape", position);
        requireField(offsets, name, "data_offsets", position);
        add(name, dtype, shape, offsets.get(0), offsets.get(1), position);
    }

    private void refuseDuplicate(Object earlier, String name, String field, long position)
            throws MalformedSafetensorsException {
        if (earlier != null) {
            throw malformed(position, name, "duplicate field " + field);
        }
    }

    private void requireField(Object value, String name, String field, long position)
            throws MalformedSafetensorsException {
        if (value == null) {
            throw malformed(position, name, "missing field " + field);
        }
    }

    private DType parseDType(JsonParser parser, String name) throws IOException {
        if (parser.currentToken() != JsonToken.VALUE_STRING) {
            throw malformed(position(parser), name, "dtype must be a string");
        }
        String text = parser.getText();
        if (!DTYPE_NAMES.contains(text)) {
            throw malformed(position(parser), name, "unknown dtype '" + text + "'");
        }
        return DType.valueOf(text);
    }

    private List<Long> parseNumbers(JsonParser parser, String name, String field) throws IOException {
        if (parser.currentToken() != JsonToken.START_ARRAY) {
            throw malformed(position(parser), name, field + " must be an array of numbers");
        }
        List<Long> numbers = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            numbers.add(parseNumber(parser, name, field));
        }
        return numbers;
    }

    private long parseNumber(JsonParser parser, String name, String field) throws IOException {
        JsonToken token = parser.currentToken();
        if (token == JsonToken.VALUE_NUMBER_FLOAT) {
            throw malformed(position(parser), name, field + " holds a fractional number: " + parser.getText());
        }
        if (token != JsonToken.VALUE_NUMBER_INT) {
            throw malformed(position(parser), name, field + " must hold numbers only");
        }
        if (parser.getText().startsWith("-")) {
            throw malformed(position(parser), name, field + " holds a negative number: " + parser.getText());
        }
        if (parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER) {
            throw malformed(position(parser), name, field + " holds an over-range number: " + parser.getText());
        }
        return parser.getLongValue();
    }

    private void add(String name, DType dtype, List<Long> shape, long begin, long end, long position)
            throws MalformedSafetensorsException {
        if (begin > end) {
            throw malformed(position, name, "data_offsets run backwards: [%d, %d]".formatted(begin, end));
        }
        if (end > dataSize) {
            throw malformed(
                    position,
                    name,
                    "data_offsets [%d, %d] reach past the end of the data, which has %d bytes"
                            .formatted(begin, end, dataSize));
        }
        long expected;
        try {
            expected = TensorInfo.byteSize(dtype, shape);
        } catch (ArithmeticException e) {
            throw malformed(
                    position,
                    name,
                    "the size of shape %s of %s overflows or is not whole bytes"
                            .formatted(TensorInfo.shapeText(shape), dtype));
        }
        if (end - begin != expected) {
            throw malformed(
                    position,
                    name,
                    "shape %s of %s takes %d bytes, but data_offsets [%d, %d] hold %d"
                            .formatted(TensorInfo.shapeText(shape), dtype, expected, begin, end, end - begin));
        }
        if (tensors.put(name, new TensorInfo(name, dtype, shape, begin, expected)) != null) {
            throw malformed(position, name, "duplicate tensor");
        }
        positions.put(name, position);
    }

    /** The tensors must cover the data section without overlap and without holes. */
    private void checkLayout() throws MalformedSafetensorsException {
        List<TensorInfo> byOffset = new ArrayList<>(tensors.values());
        byOffset.sort(Comparator.comparingLong(TensorInfo::offset).thenComparingLong(TensorInfo::byteSize));
        long end = 0;
        for (TensorInfo tensor : byOffset) {
            if (tensor.offset() != end) {
                throw malformed(
                        positions.get(tensor.name()),
                        tensor.name(),
                        tensor.offset() < end
                                ? "its data begins at %d and overlaps the tensor before it, which ends at %d"
                                        .formatted(tensor.offset(), end)
                                : "its data begins at %d and leaves a hole after %d".formatted(tensor.offset(), end));
            }
            end += tensor.byteSize();
        }
        if (end != dataSize) {
            throw malformed(
                    json.length + end,
                    "%d trailing bytes that belong to no tensor, the data should end here".formatted(dataSize - end));
        }
    }

    private static long position(JsonParser parser) {
        return parser.currentTokenLocation().getByteOffset();
    }

    private MalformedSafetensorsException malformed(long positionInHeader, String tensor, String problem) {
        return malformed(positionInHeader, "tensor '" + tensor + "': " + problem);
    }

    private MalformedSafetensorsException malformed(long positionInHeader, String problem) {
        return new MalformedSafetensorsException(file, LENGTH_BYTES + positionInHeader, problem);
    }
}
