package org.i2lspark.jobs.faults;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** What Linux tells of processes. */
final class ProcFiles {
    private static final int LOCAL_ADDRESS = 1;
    private static final int INODE = 9;

    private ProcFiles() {}

    static String commandLine(long pid) {
        try {
            return Files.readString(Path.of("/proc/" + pid + "/cmdline")).replace('\0', ' ');
        } catch (IOException e) {
            // it has ended
            return "";
        }
    }

    /** The one of these processes that has a connection from a local port. */
    static Optional<ProcessHandle> ownerOfPort(int port, List<ProcessHandle> candidates) {
        Optional<String> inode = Stream.of("/proc/net/tcp6", "/proc/net/tcp")
                .flatMap(file -> lines(Path.of(file)))
                .map(line -> line.strip().split("\\s+"))
                .filter(fields -> fields[LOCAL_ADDRESS].endsWith(":%04X".formatted(port)))
                .map(fields -> fields[INODE])
                .filter(found -> !found.equals("0"))
                .findFirst();
        return inode.flatMap(found -> candidates.stream()
                .filter(candidate -> holds(candidate.pid(), "socket:[" + found + "]"))
                .findFirst());
    }

    private static Stream<String> lines(Path file) {
        try {
            return Files.readAllLines(file).stream().skip(1);
        } catch (IOException e) {
            return Stream.empty();
        }
    }

    private static boolean holds(long pid, String socket) {
        try (Stream<Path> files = Files.list(Path.of("/proc/" + pid + "/fd"))) {
            return files.anyMatch(file -> {
                try {
                    return Files.readSymbolicLink(file).toString().equals(socket);
                } catch (IOException e) {
                    return false;
                }
            });
        } catch (IOException e) {
            return false;
        }
    }
}
