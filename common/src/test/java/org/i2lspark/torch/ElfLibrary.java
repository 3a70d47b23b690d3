package org.i2lspark.torch;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A shared library that holds nothing but its table of dynamic symbols, as elf(5) has it. */
final class ElfLibrary {
    private static final int SECTION_BYTES = 64;
    private static final int SYMBOL_BYTES = 24;
    private static final int GLOBAL = 1;
    private static final int WEAK = 2;

    private record Symbol(String name, int binding, boolean defined, int version) {}

    private final List<Symbol> symbols = new ArrayList<>();

    ElfLibrary offers(String... names) {
        return add(GLOBAL, true, 1, names);
    }

    ElfLibrary wants(String... names) {
        return add(GLOBAL, false, 1, names);
    }

    ElfLibrary wantsPerhaps(String... names) {
        return add(WEAK, false, 1, names);
    }

    ElfLibrary wantsOfAVersion(String... names) {
        return add(GLOBAL, false, 2, names);
    }

    private ElfLibrary add(int binding, boolean defined, int version, String... names) {
        for (String name : names) {
            symbols.add(new Symbol(name, binding, defined, version));
        }
        return this;
    }

    byte[] bytes(int machine) {
        ByteArrayOutputStream names = new ByteArrayOutputStream();
        names.write(0);
        ByteBuffer table = buffer((symbols.size() + 1) * SYMBOL_BYTES);
        ByteBuffer versions = buffer((symbols.size() + 1) * Short.BYTES);
        table.position(SYMBOL_BYTES);
        versions.putShort((short) 0);
        for (Symbol symbol : symbols) {
            table.putInt(names.size()).put((byte) (symbol.binding << 4)).put((byte) 0);
            table.putShort((short) (symbol.defined ? 7 : 0)).putLong(0).putLong(0);
            versions.putShort((short) symbol.version);
            names.writeBytes((symbol.name + '\0').getBytes(StandardCharsets.US_ASCII));
        }
        int tableAt = SECTION_BYTES;
        int namesAt = tableAt + table.capacity();
        int versionsAt = namesAt + names.size();
        int sectionsAt = versionsAt + versions.capacity();
        byte[] content = new byte[sectionsAt + 4 * SECTION_BYTES];
        ByteBuffer file = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
        file.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1});
        file.putShort(16, (short) 3).putShort(18, (short) machine);
        file.putLong(40, sectionsAt).putShort(60, (short) 4);
        file.position(tableAt);
        file.put(table.flip()).put(names.toByteArray()).put(versions.flip());
        section(file, sectionsAt + SECTION_BYTES, 3, namesAt, names.size(), 0);
        section(file, sectionsAt + 2 * SECTION_BYTES, 11, tableAt, table.capacity(), 1);
        section(file, sectionsAt + 3 * SECTION_BYTES, 0x6fffffff, versionsAt, versions.capacity(), 2);
        return content;
    }

    private static void section(ByteBuffer file, int at, int type, long offset, long size, int link) {
        file.putInt(at + 4, type)
                .putLong(at + 24, offset)
                .putLong(at + 32, size)
                .putInt(at + 40, link);
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}
