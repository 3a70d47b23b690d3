package org.i2lspark.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The tensors of a file that is to be written, and what its header says of them. Files that differ only in values and
 * metadata can share one. Tensors are ordered by alignment, widest first, then by name, and the header is padded to 8 bytes,
 * so every tensor lies aligned.
 */
public final class SafetensorsHeader {
    private static final JsonFactory JSON = new JsonFactory();

    private final List<TensorInfo> tensors;
    /** The members of the header's JSON object that are tensors, without its brackets. */
    private final byte[] members;

    /** A tensor to be written; the shape is row-major, outermost dimension first. */
    public record Tensor(String name, DType dtype, List<Long> shape) {
        public Tensor {
            shape = List.copyOf(shape);
        }
    }

    private SafetensorsHeader(List<TensorInfo> tensors) {
        this.tensors = List.copyOf(tensors);
        this.members = members(json -> {
            for (TensorInfo tensor : tensors) {
                writeTensor(json, tensor);
            }
        });
    }

    /**
     * The header of a file of these tensors.
     *
     * @throws IllegalArgumentException if a name stands twice, is {@code __metadata__} or no valid Unicode, or if a shape
     *     is negative or too large
     */
    public static SafetensorsHeader of(Collection<Tensor> tensors) {
        List<Tensor> ordered = new ArrayList<>(tensors);
        ordered.sort(Comparator.comparingInt((Tensor tensor) -> -tensor.dtype().alignment())
                .thenComparing(Tensor::name));
        List<TensorInfo> placed = new ArrayList<>(ordered.size());
        Set<String> names = new HashSet<>();
        long offset = 0;
        for (Tensor tensor : ordered) {
            checkName(tensor.name(), names);
            long size = byteSize(tensor);
            placed.add(new TensorInfo(tensor.name(), tensor.dtype(), tensor.shape(), offset, size));
            offset = Math.addExact(offset, size);
        }
        return new SafetensorsHeader(placed);
    }

    /** The tensors in the order in which they lie in the file. */
    List<TensorInfo> tensors() {
        return tensors;
    }

    /**
     * The header's bytes, padded with spaces.
     *
     * @throws IllegalArgumentException if metadata is no valid Unicode, or if the header is too large for readers
     */
    byte[] bytes(Map<String, String> metadata) {
        byte[] first = metadata.isEmpty() ? new byte[0] : members(json -> writeMetadata(json, metadata));
        ByteArrayOutputStream unpadded = new ByteArrayOutputStream(first.length + members.length + Long.BYTES);
        unpadded.write('{');
        unpadded.writeBytes(first);
        if (first.length > 0 && members.length > 0) {
            unpadded.write(',');
        }
        unpadded.writeBytes(members);
        unpadded.write('}');
        int padded = -Math.floorDiv(-unpadded.size(), Long.BYTES) * Long.BYTES;
        if (padded > SafetensorsFile.MAX_HEADER_BYTES) {
            throw new IllegalArgumentException("Cannot write a header of %d bytes: readers refuse more than %d"
                    .formatted(padded, SafetensorsFile.MAX_HEADER_BYTES));
        }
        byte[] header = Arrays.copyOf(unpadded.toByteArray(), padded);
        Arrays.fill(header, unpadded.size(), padded, (byte) ' ');
        return header;
    }

    @FunctionalInterface
    private interface Json {
        void writeTo(JsonGenerator json) throws IOException;
    }

    private static byte[] members(Json content) {
        ByteArrayOutputStream object = new ByteArrayOutputStream();
        try (JsonGenerator json = JSON.createGenerator(object)) {
            json.writeStartObject();
            content.writeTo(json);
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return Arrays.copyOfRange(object.toByteArray(), 1, object.size() - 1);
    }

    private static void writeMetadata(JsonGenerator json, Map<String, String> metadata) throws IOException {
        json.writeObjectFieldStart(HeaderParser.METADATA_KEY);
        for (Map.Entry<String, String> field : new TreeMap<>(metadata).entrySet()) {
            checkUnicode("metadata", field.getKey());
            checkUnicode("metadata", field.getValue());
            json.writeStringField(field.getKey(), field.getValue());
        }
        json.writeEndObject();
    }

    private static void writeTensor(JsonGenerator json, TensorInfo tensor) throws IOException {
        json.writeObjectFieldStart(tensor.name());
        json.writeStringField("dtype", tensor.dtype().name());
        json.writeFieldName("shape");
        long[] shape = tensor.shape().stream().mapToLong(Long::longValue).toArray();
        json.writeArray(shape, 0, shape.length);
        json.writeFieldName("data_offsets");
        json.writeArray(new long[] {tensor.offset(), tensor.offset() + tensor.byteSize()}, 0, 2);
        json.writeEndObject();
    }

    private static void checkName(String name, Set<String> names) {
        if (name.equals(HeaderParser.METADATA_KEY)) {
            throw new IllegalArgumentException(
                    "Cannot write a tensor called __metadata__: the format reserves that name");
        }
        checkUnicode("tensor name", name);
        if (!names.add(name)) {
            throw new IllegalArgumentException("Cannot write tensor '%s': the name stands twice".formatted(name));
        }
    }

    private static void checkUnicode(String what, String text) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new IllegalArgumentException("Cannot write %s '%s': it is not valid Unicode".formatted(what, text));
        }
    }

    private static long byteSize(Tensor tensor) {
        try {
            if (tensor.shape().stream().anyMatch(dimension -> dimension < 0)) {
                throw new ArithmeticException("negative dimension");
            }
            return TensorInfo.byteSize(tensor.dtype(), tensor.shape());
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException(
                    "Cannot write tensor '%s' of shape %s: %s".formatted(tensor.name(), tensor.shape(), e.getMessage()),
                    e);
        }
    }
}
