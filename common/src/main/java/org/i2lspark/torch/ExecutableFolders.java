package org.i2lspark.torch;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Folders that native libraries can be unpacked to: they can be written, and what lies there can be executed. Neither is
 * certain of a home (an unknown user has none) nor of the temporary folder (mounted {@code noexec} on hardened machines).
 */
public final class ExecutableFolders {
    private static final Logger log = LoggerFactory.getLogger(ExecutableFolders.class);
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");
    private static final FileAttribute<Set<PosixFilePermission>> AS_OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(OWNER_ONLY);
    private static final String USER_ID = userId();
    private static final String OWN = "i2l-" + USER_ID;

    private ExecutableFolders() {}

    /**
     * A folder for the temporary native libraries of this process: Java's own temporary folder where it will do, else one
     * that is this user's alone.
     *
     * @throws UnusableLibraryException if there is none, naming all that were tried
     */
    public static Path temporary() throws UnusableLibraryException {
        List<String> problems = new ArrayList<>();
        Path usual = Path.of(System.getProperty("java.io.tmpdir"));
        List<Path> folders = new ArrayList<>(List.of(usual));
        folders.addAll(ofUser());
        for (Path folder : folders) {
            Optional<String> problem = problem(folder);
            if (problem.isEmpty()) {
                return folder;
            }
            problems.add(problem.get());
        }
        throw new UnusableLibraryException(
                "Cannot unpack native libraries: %s; set -Djava.io.tmpdir to a folder that can be written and executed"
                        .formatted(String.join("; ", problems)));
    }

    /** Where this user's libraries may go, the usual place first. They need not exist. */
    static List<Path> ofUser() {
        List<Path> folders = new ArrayList<>();
        addHome(folders, System.getProperty("user.home"));
        addHome(folders, System.getenv("HOME"));
        folders.add(Path.of(System.getProperty("java.io.tmpdir"), OWN).toAbsolutePath());
        folders.add(Path.of("/var/tmp", OWN));
        return folders;
    }

    private static void addHome(List<Path> folders, String home) {
        // Java calls the home of an unknown user "?", which would be a folder in the working directory
        if (home != null && Path.of(home).isAbsolute() && Files.isDirectory(Path.of(home))) {
            Path folder = Path.of(home, ".djl.ai");
            if (!folders.contains(folder)) {
                folders.add(folder);
            }
        }
    }

    private static String userId() {
        try {
            return String.valueOf(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            log.info("Cannot tell this process's user", e);
            return System.getProperty("user.name");
        }
    }

    /** Why libraries cannot be unpacked there; empty if they can. The folder is made. */
    public static Optional<String> problem(Path folder) {
        try {
            // in a folder that all may write, another user may have been there first
            if (folder.endsWith(OWN) && Files.exists(folder, LinkOption.NOFOLLOW_LINKS) && !isOwn(folder)) {
                return Optional.of("%s is not this user's own".formatted(folder));
            }
            if (folder.endsWith(OWN)) {
                Files.createDirectories(folder, AS_OWNER_ONLY);
            } else {
                Files.createDirectories(folder);
            }
            Path probe = Files.createTempFile(folder, "probe", ".tmp", AS_OWNER_ONLY);
            try {
                return Files.isExecutable(probe)
                        ? Optional.empty()
                        : Optional.of("%s is mounted noexec".formatted(folder));
            } finally {
                Files.deleteIfExists(probe);
            }
        } catch (IOException e) {
            log.info("Cannot write to {}", folder, e);
            return Optional.of("%s cannot be written (%s)".formatted(folder, reason(e)));
        }
    }

    private static boolean isOwn(Path folder) throws IOException {
        Object owner = Files.getAttribute(folder, "unix:uid", LinkOption.NOFOLLOW_LINKS);
        return !Files.isSymbolicLink(folder)
                && String.valueOf(owner).equals(USER_ID)
                && OWNER_ONLY.containsAll(Files.getPosixFilePermissions(folder));
    }

    static String reason(IOException problem) {
        if (problem instanceof AccessDeniedException) {
            return "access denied";
        }
        if (problem instanceof FileAlreadyExistsException) {
            return "there is a file of that name";
        }
        if (problem instanceof FileSystemException file && file.getReason() != null) {
            return file.getReason();
        }
        return problem.getMessage();
    }
}
