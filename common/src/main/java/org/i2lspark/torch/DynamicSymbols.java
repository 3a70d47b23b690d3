package org.i2lspark.torch;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * What a 64-bit ELF library says that it offers to others and wants of them; see elf(5).
 *
 * @param offered names that it defines
 * @param wanted C++ names that it cannot do without and whose version it does not say: the standard library's have one,
 *     libtorch's have not
 */
record DynamicSymbols(Set<String> offered, Set<String> wanted) {
    private static final int HEADER_BYTES = 64;
    private static final int SECTION_BYTES = 64;
    private static final int SYMBOL_BYTES = 24;
    private static final int DYNAMIC_SYMBOLS = 11;
    private static final int SYMBOL_VERSIONS = 0x6fffffff;
    /** Versions up to it are none. */
    private static final int GLOBAL_VERSION = 1;

    private static final int VERSION_MASK = 0x7fff;
    private static final int BINDING_GLOBAL = 1;
    private static final String CPP = "_Z";

    /**
     * Reads the table of dynamic symbols; empty if the file's sections have been taken away.
     *
     * @throws IOException also if the file is damaged
     */
    static Optional<DynamicSymbols> of(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            return read(channel);
        } catch (EOFException | IndexOutOfBoundsException | IllegalArgumentException e) {
            throw new IOException("%s is cut off or damaged".formatted(file), e);
        }
    }

    private static Optional<DynamicSymbols> read(FileChannel channel) throws IOException {
        ByteBuffer header = bytes(channel, 0, HEADER_BYTES);
        int count = Short.toUnsignedInt(header.getShort(60));
        ByteBuffer sections = bytes(channel, header.getLong(40), (long) count * SECTION_BYTES);
        int table = section(sections, DYNAMIC_SYMBOLS);
        if (table < 0) {
            return Optional.empty();
        }
        int names = sections.getInt(table + 40) * SECTION_BYTES;
        int versions = section(sections, SYMBOL_VERSIONS);
        DynamicSymbols symbols = new DynamicSymbols(new HashSet<>(), new HashSet<>());
        symbols.collect(
                content(channel, sections, table),
                content(channel, sections, names),
                versions < 0 ? ByteBuffer.allocate(0) : content(channel, sections, versions));
        return Optional.of(symbols);
    }

    /** Where the first section of a type is described; negative if there is none. */
    private static int section(ByteBuffer sections, int type) {
        for (int at = 0; at < sections.limit(); at += SECTION_BYTES) {
            if (sections.getInt(at + 4) == type) {
                return at;
            }
        }
        return -1;
    }

    private static ByteBuffer content(FileChannel channel, ByteBuffer sections, int at) throws IOException {
        return bytes(channel, sections.getLong(at + 24), sections.getLong(at + 32));
    }

    private static ByteBuffer bytes(FileChannel channel, long offset, long size) throws IOException {
        if (size < 0 || size > channel.size()) {
            throw new EOFException();
        }
        ByteBuffer bytes = ByteBuffer.allocate((int) size).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, offset + bytes.position()) < 0) {
                throw new EOFException();
            }
        }
        return bytes.flip();
    }

    private void collect(ByteBuffer symbols, ByteBuffer names, ByteBuffer versions) {
        for (int i = 0; i < symbols.limit() / SYMBOL_BYTES; i++) {
            int at = i * SYMBOL_BYTES;
            String name = name(names, symbols.getInt(at));
            boolean defined = symbols.getShort(at + 6) != 0;
            if (defined) {
                offered.add(name);
            } else if (binding(symbols.get(at + 4)) == BINDING_GLOBAL
                    && name.startsWith(CPP)
                    && version(versions, i) <= GLOBAL_VERSION) {
                wanted.add(name);
            }
        }
    }

    private static int binding(byte info) {
        return Byte.toUnsignedInt(info) >> 4;
    }

    private static int version(ByteBuffer versions, int symbol) {
        return versions.limit() == 0 ? 0 : versions.getShort(symbol * Short.BYTES) & VERSION_MASK;
    }

    private static String name(ByteBuffer names, int start) {
        int end = start;
        while (names.get(end) != 0) {
            end++;
        }
        byte[] name = new byte[end - start];
        names.get(start, name);
        return new String(name, StandardCharsets.US_ASCII);
    }
}
