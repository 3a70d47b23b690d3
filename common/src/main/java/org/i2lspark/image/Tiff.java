package org.i2lspark.image;

import static org.i2lspark.image.ImageFormat.startsWith;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The first directory of a TIFF (revision 6.0), and those below it. What lies outside the file is as good as not there. */
final class Tiff {
    private static final int HEADER_BYTES = 8;
    private static final int ENTRY_BYTES = 12;
    private static final int MAX_VALUES = 64;

    private static final int TEXT = 2;
    private static final int SHORT = 3;
    private static final int LONG = 4;
    private static final int DIRECTORY = 13;
    private static final int SUB_DIRECTORIES = 330;

    private final ByteBuffer buffer;

    /** Of a tag, the type and number of its values and where they lie. */
    private record Entry(int type, long count, long at) {}

    private Tiff(byte[] bytes, ByteOrder order) {
        this.buffer = ByteBuffer.wrap(bytes).order(order);
    }

    /** Empty if it is none, or a BigTIFF. */
    static Optional<Tiff> of(byte[] bytes) {
        boolean little = startsWith(bytes, 0, "II*\0");
        if (bytes.length < HEADER_BYTES || !(little || startsWith(bytes, 0, "MM\0*"))) {
            return Optional.empty();
        }
        return Optional.of(new Tiff(bytes, little ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN));
    }

    Directory first() {
        return directory(unsigned(4));
    }

    /** The entries of a directory by their tags. */
    final class Directory {
        private final Map<Integer, Entry> entries = new HashMap<>();

        boolean has(int tag) {
            return entries.containsKey(tag);
        }

        /** The first values of a tag, as far as they are whole numbers of 16 or 32 bits; empty if it is not there. */
        List<Long> numbers(int tag) {
            List<Long> numbers = new ArrayList<>();
            Entry entry = entries.get(tag);
            if (entry == null || size(entry.type()) < Short.BYTES) {
                return numbers;
            }
            int size = size(entry.type());
            for (long i = 0, at = entry.at(); i < Math.min(entry.count(), MAX_VALUES); i++, at += size) {
                if (at + size > buffer.limit()) {
                    return numbers;
                }
                numbers.add(size == Short.BYTES ? buffer.getShort((int) at) & 0xFFFFL : unsigned((int) at));
            }
            return numbers;
        }

        /** The beginning of a text; empty if it is not there. */
        String text(int tag) {
            Entry entry = entries.get(tag);
            if (entry == null || entry.type() != TEXT) {
                return "";
            }
            int length = (int) Math.min(entry.count(), MAX_VALUES);
            return entry.at() + length > buffer.limit()
                    ? ""
                    : new String(buffer.array(), (int) entry.at(), length, StandardCharsets.ISO_8859_1);
        }

        List<Directory> below() {
            return numbers(SUB_DIRECTORIES).stream().map(Tiff.this::directory).toList();
        }
    }

    private Directory directory(long at) {
        Directory directory = new Directory();
        if (at < HEADER_BYTES || at + Short.BYTES > buffer.limit()) {
            return directory;
        }
        int count = buffer.getShort((int) at) & 0xFFFF;
        for (int i = 0; i < count; i++) {
            long start = at + Short.BYTES + (long) i * ENTRY_BYTES;
            if (start + ENTRY_BYTES > buffer.limit()) {
                break;
            }
            int entry = (int) start;
            directory.entries.putIfAbsent(buffer.getShort(entry) & 0xFFFF, entry(entry));
        }
        return directory;
    }

    /** Values of four bytes or less lie in the entry itself. */
    private Entry entry(int at) {
        int type = buffer.getShort(at + 2) & 0xFFFF;
        long count = unsigned(at + 4);
        return new Entry(type, count, count * size(type) <= Integer.BYTES ? at + 8 : unsigned(at + 8));
    }

    private static int size(int type) {
        return switch (type) {
            case SHORT -> Short.BYTES;
            case LONG, DIRECTORY -> Integer.BYTES;
            default -> 1;
        };
    }

    private long unsigned(int at) {
        return buffer.getInt(at) & 0xFFFF_FFFFL;
    }
}
