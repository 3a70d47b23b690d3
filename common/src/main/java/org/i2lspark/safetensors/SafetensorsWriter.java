package org.i2lspark.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.safetensors.SafetensorsHeader.Tensor;

/**
 * Writes safetensors files as a stream: the header follows from names and shapes, so tensor data is asked for only when
 * its turn comes. The same input gives the same bytes.
 */
public final class SafetensorsWriter {
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

    /** Writes the bytes of any tensor of a file, row-major and little-endian. */
    @FunctionalInterface
    public interface Contents {
        void writeTo(WritableByteChannel out, TensorInfo tensor) throws IOException;
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
        SafetensorsHeader header = SafetensorsHeader.of(entries.stream()
                .map(entry -> new Tensor(entry.name(), entry.dtype(), entry.shape()))
                .toList());
        Map<String, Content> contents = new HashMap<>();
        entries.forEach(entry -> contents.put(entry.name(), entry.content()));
        return write(
                out,
                header,
                metadata,
                (channel, tensor) -> contents.get(tensor.name()).writeTo(channel));
    }

    /**
     * Writes a whole file under a header that is there already.
     *
     * @return the number of bytes written
     * @throws IllegalArgumentException if metadata is no valid Unicode, or if a tensor's content is shorter or longer than
     *     its shape
     */
    public static long write(
            WritableByteChannel out, SafetensorsHeader header, Map<String, String> metadata, Contents contents)
            throws IOException {
        byte[] bytes = header.bytes(metadata);
        CountingChannel counted = new CountingChannel(out);
        counted.write(ByteBuffer.allocate(Long.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(bytes.length)
                .flip());
        counted.write(ByteBuffer.wrap(bytes));
        for (TensorInfo tensor : header.tensors()) {
            long start = counted.count;
            contents.writeTo(counted, tensor);
            if (counted.count - start != tensor.byteSize()) {
                throw new IllegalArgumentException(
                        "Cannot write tensor '%s': its content has %d bytes, shape %s of %s takes %d"
                                .formatted(
                                        tensor.name(),
                                        counted.count - start,
                                        tensor.shapeText(),
                                        tensor.dtype(),
                                        tensor.byteSize()));
            }
        }
        return counted.count;
    }

    /** Passes bytes on, all of them, and counts. */
    private static final class CountingChannel implements WritableByteChannel {
        private final WritableByteChannel out;
        private long count;

        CountingChannel(WritableByteChannel out) {
            this.out = out;
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
