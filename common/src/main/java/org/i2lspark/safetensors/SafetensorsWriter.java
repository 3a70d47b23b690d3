package org.i2lspark.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes safetensors files as a stream: the header follows from names and shapes, so tensor data is asked for only when
 * its turn comes. Tensors are ordered by alignment, widest first, then by name, and the header is padded to 8 bytes, so
 * every tensor lies aligned. The same input gives the same bytes.
 */
public final class SafetensorsWriter {
    private static final JsonFactory JSON = new JsonFactory();

    private SafetensorsWriter() {}

    /** Writes the bytes of one tensor, row-major and little-endian. */
    @FunctionalInterface
    public interface Content {
        void writeTo(WritableByteChannel out) throws IOException;
    }

    /** A tensor to be written. */
    public record Entry(String name, DType dtype, List<Long> shape, Content content) {
        public Entry {
            shape = List.copyOf(shape);
        }
    }

    /**
     * Writes a whole file.
     *
     * @return the number of bytes written
     * @throws IllegalArgumentException if a name stands twice, is {@code __metadata__} or no valid Unicode, if a shape
     *     is negative or too large, or if a tensor's content is shorter or longer than its shape
     */
    public static long write(WritableByteChannel out, Collection<Entry> entries, Map<String, String> metadata)
            throws IOException {
        List<Entry> ordered = new ArrayList<>(entries);
        ordered.sort(Comparator.comparingInt((Entry entry) -> -entry.dtype().alignment())
                .thenComparing(Entry::name));
        byte[] header = header(ordered, metadata);
        CountingChannel counted = new CountingChannel(out);
        counted.writeAll(ByteBuffer.allocate(Long.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .flip());
        counted.writeAll(ByteBuffer.wrap(header));
        for (Entry entry : ordered) {
            long start = counted.count;
            entry.content().writeTo(counted);
            long expected = byteSize(entry);
            if (counted.count - start != expected) {
                throw new IllegalArgumentException(
                        "Cannot write tensor '%s': its content has %d bytes, shape %s of %s takes %d"
                                .formatted(
                                        entry.name(),
                                        counted.count - start,
                                        TensorInfo.shapeText(entry.shape()),
                                        entry.dtype(),
                                        expected));
            }
        }
        return counted.count;
    }

    private static byte[] header(List<Entry> ordered, Map<String, String> metadata) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Map<String, Entry> seen = new TreeMap<>();
        try (JsonGenerator json = JSON.createGenerator(bytes)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                writeMetadata(json, metadata);
            }
            long offset = 0;
            for (Entry entry : ordered) {
                checkName(entry.name());
                if (seen.put(entry.name(), entry) != null) {
                    throw new IllegalArgumentException(
                            "Cannot write tensor '%s': the name stands twice".formatted(entry.name()));
                }
                long end = Math.addExact(offset, byteSize(entry));
                writeEntry(json, entry, offset, end);
                offset = end;
            }
            json.writeEndObject();
        }
        byte[] unpadded = bytes.toByteArray();
        int padded = -Math.floorDiv(-unpadded.length, Long.BYTES) * Long.BYTES;
        if (padded > SafetensorsFile.MAX_HEADER_BYTES) {
            throw new IllegalArgumentException("Cannot write a header of %d bytes: readers refuse more than %d"
                    .formatted(padded, SafetensorsFile.MAX_HEADER_BYTES));
        }
        byte[] header = Arrays.copyOf(unpadded, padded);
        Arrays.fill(header, unpadded.length, padded, (byte) ' ');
        return header;
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

    private static void writeEntry(JsonGenerator json, Entry entry, long begin, long end) throws IOException {
        json.writeObjectFieldStart(entry.name());
        json.writeStringField("dtype", entry.dtype().name());
        json.writeFieldName("shape");
        long[] shape = entry.shape().stream().mapToLong(Long::longValue).toArray();
        json.writeArray(shape, 0, shape.length);
        json.writeFieldName("data_offsets");
        json.writeArray(new long[] {begin, end}, 0, 2);
        json.writeEndObject();
    }

    private static void checkName(String name) {
        if (name.equals(HeaderParser.METADATA_KEY)) {
            throw new IllegalArgumentException(
                    "Cannot write a tensor called __metadata__: the format reserves that name");
        }
        checkUnicode("tensor name", name);
    }

    private static void checkUnicode(String what, String text) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new IllegalArgumentException("Cannot write %s '%s': it is not valid Unicode".formatted(what, text));
        }
    }

    private static long byteSize(Entry entry) {
        try {
            if (entry.shape().stream().anyMatch(dimension -> dimension < 0)) {
                throw new ArithmeticException("negative dimension");
            }
            return TensorInfo.byteSize(entry.dtype(), entry.shape());
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException(
                    "Cannot write tensor '%s' of shape %s: %s".formatted(entry.name(), entry.shape(), e.getMessage()),
                    e);
        }
    }

    /** Passes bytes on, all of them, and counts. */
    private static final class CountingChannel implements WritableByteChannel {
        private final WritableByteChannel out;
        private long count;

        CountingChannel(WritableByteChannel out) {
            this.out = out;
        }

        private void writeAll(ByteBuffer bytes) throws IOException {
            while (bytes.hasRemaining()) {
                write(bytes);
            }
        }

        @Override
        public int write(ByteBuffer bytes) throws IOException {
            int length = bytes.remaining();
            while (bytes.hasRemaining()) {
                out.write(bytes);
            }
            count += length;
            return length;
        }

        @Override
        public boolean isOpen() {
            return out.isOpen();
        }

        @Override
        public void close() throws IOException {
            out.close();
        }
    }
}
