package org.i2lspark.safetensors;

import static java.util.Objects.requireNonNull;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Map;

/**
 * One safetensors file, open for reading. Only the header is kept in memory; tensor bytes go straight from the source
 * into the caller's buffer. Safe for use by several threads, of which those that read a local file do so at the same time.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
public final class SafetensorsFile implements TensorStore {
    /** The longest header that the reference reader accepts. */
    static final long MAX_HEADER_BYTES = 100_000_000;

    private final String location;
    private final SeekableByteChannel source;
    private final long dataStart;
    private final HeaderParser.Header header;

    private SafetensorsFile(String location, SeekableByteChannel source, long dataStart, HeaderParser.Header header) {
        this.location = location;
        this.source = source;
        this.dataStart = dataStart;
        this.header = header;
    }

    /**
     * Opens a local file and checks its header.
     *
     * @throws MalformedSafetensorsException if it breaks a rule of the format
     */
    public static SafetensorsFile open(Path path) throws IOException {
        SeekableByteChannel channel = Files.newByteChannel(path, StandardOpenOption.READ);
        try {
            return open(path.toString(), channel);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /**
     * Reads the header from any seekable source. The result takes over the source and closes it.
     *
     * @param location names the source in messages
     * @throws MalformedSafetensorsException if it breaks a rule of the format
     */
    public static SafetensorsFile open(String location, SeekableByteChannel source) throws IOException {
        requireNonNull(location, "location is null");
        long size = source.size();
        if (size < HeaderParser.LENGTH_BYTES) {
            throw new MalformedSafetensorsException(
                    location, 0, "it has %d bytes, a header length alone takes 8".formatted(size));
        }
        ByteBuffer lengthBytes = ByteBuffer.allocate(HeaderParser.LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        readFully(location, source, 0, lengthBytes);
        long length = lengthBytes.flip().getLong();
        if (length < 0 || length > MAX_HEADER_BYTES) {
            throw new MalformedSafetensorsException(
                    location,
                    0,
                    "header length %s is over the limit of %d bytes; is this a safetensors file?"
                            .formatted(Long.toUnsignedString(length), MAX_HEADER_BYTES));
        }
        long dataStart = HeaderParser.LENGTH_BYTES + length;
        if (dataStart > size) {
            throw new MalformedSafetensorsException(
                    location,
                    0,
                    "header length %d reaches past the end of the file, which has %d bytes; is the download complete?"
                            .formatted(length, size));
        }
        ByteBuffer json = ByteBuffer.allocate((int) length);
        readFully(location, source, HeaderParser.LENGTH_BYTES, json);
        return new SafetensorsFile(
                location, source, dataStart, HeaderParser.parse(location, json.array(), size - dataStart));
    }

    @Override
    public Map<String, TensorInfo> tensors() {
        return Collections.unmodifiableMap(header.tensors());
    }

    /** The free-form {@code __metadata__} strings; empty when the file has none. */
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(header.metadata());
    }

    @Override
    public String location() {
        return location;
    }

    @Override
    public void read(String tensor, long offset, ByteBuffer destination) throws IOException {
        TensorInfo info = header.tensors().get(tensor);
        if (info == null) {
            throw new IllegalArgumentException(
                    "Cannot read tensor '%s': %s has none of that name".formatted(tensor, location));
        }
        if (offset < 0 || destination.remaining() > info.byteSize() - offset) {
            throw new IllegalArgumentException("Cannot read %d bytes at %d of tensor '%s': it has %d bytes"
                    .formatted(destination.remaining(), offset, tensor, info.byteSize()));
        }
        readFully(location, source, dataStart + info.offset() + offset, destination);
    }

    @Override
    public void close() throws IOException {
        source.close();
    }

    private static void readFully(String location, SeekableByteChannel source, long position, ByteBuffer destination)
            throws IOException {
        long at = position;
        while (destination.hasRemaining()) {
            int read = read(source, at, destination);
            if (read < 0) {
                throw new EOFException(
                        "Cannot read %s: it ended at byte %d while it was being read".formatted(location, at));
            }
            at += read;
        }
    }

    private static int read(SeekableByteChannel source, long position, ByteBuffer destination) throws IOException {
        if (source instanceof FileChannel file) {
            return file.read(destination, position);
        }
        synchronized (source) {
            return source.position(position).read(destination);
        }
    }
}
