package org.i2lspark.torch;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** What an ELF file says of itself, read without loading it. */
final class SharedObject {
    private static final byte[] MAGIC = {0x7f, 'E', 'L', 'F'};
    private static final int CLASS_64 = 2;
    private static final int HEADER_BYTES = 20;
    /** {@code e_machine} by Java's name of the architecture. */
    private static final Map<String, Integer> MACHINES = Map.of("amd64", 62, "x86_64", 62, "aarch64", 183);

    private SharedObject() {}

    /** Why a process of this machine cannot load the file, if its header tells. */
    static Optional<String> problem(Path file) throws IOException {
        byte[] header;
        try (InputStream in = Files.newInputStream(file)) {
            header = in.readNBytes(HEADER_BYTES);
        }
        if (header.length < HEADER_BYTES || !startsWith(header, MAGIC)) {
            return Optional.of("is no shared library");
        }
        String here = System.getProperty("os.arch");
        Integer machine = MACHINES.get(here);
        int found = Byte.toUnsignedInt(header[18]) | Byte.toUnsignedInt(header[19]) << 8;
        if (header[4] != CLASS_64 || (machine != null && machine != found)) {
            return Optional.of("is built for another machine than this (%s)".formatted(here));
        }
        return Optional.empty();
    }

    /** Whether the file holds this text as a string of its own, between two NULs. */
    static boolean holdsString(Path file, String text) throws IOException {
        byte[] wanted = ('\0' + text + '\0').getBytes(StandardCharsets.US_ASCII);
        byte[] window = new byte[1 << 20];
        int kept = 0;
        try (InputStream in = Files.newInputStream(file)) {
            for (int read; (read = in.readNBytes(window, kept, window.length - kept)) > 0; ) {
                int filled = kept + read;
                for (int at = 0; at + wanted.length <= filled; at++) {
                    if (window[at] == 0 && matches(window, at, wanted)) {
                        return true;
                    }
                }
                kept = Math.min(wanted.length - 1, filled);
                System.arraycopy(window, filled - kept, window, 0, kept);
            }
        }
        return false;
    }

    private static boolean matches(byte[] window, int at, byte[] wanted) {
        for (int i = 0; i < wanted.length; i++) {
            if (window[at + i] != wanted[i]) {
                return false;
            }
        }
        return true;
    }

    private static boolean startsWith(byte[] bytes, byte[] start) {
        return matches(bytes, 0, start);
    }
}
