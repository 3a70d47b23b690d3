package org.i2lspark.jobs.options;

import java.net.URI;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.i2lspark.jobs.UnusableException;

/** Folders on this machine as users write them: as a path, or as a {@code file:} URI. */
final class LocalFolders {
    private static final Pattern WITH_SCHEME = Pattern.compile("[a-zA-Z][a-zA-Z0-9+.-]+:/.*");

    private LocalFolders() {}

    static boolean isUri(String text) {
        return WITH_SCHEME.matcher(text).matches();
    }

    /** A URI as it is; else the absolute path. */
    static String qualified(String text) {
        return isUri(text) ? text : Path.of(text).toAbsolutePath().toString();
    }

    /**
     * The absolute path of a folder.
     *
     * @param option what names it, as {@code --catalog-root}
     * @throws UnusableException if it is the URI of another place
     */
    static Path require(String option, String text) throws UnusableException {
        if (!isUri(text)) {
            return Path.of(text).toAbsolutePath();
        }
        URI uri = new org.apache.hadoop.fs.Path(text).toUri();
        if (!"file".equalsIgnoreCase(uri.getScheme()) || uri.getAuthority() != null) {
            throw new UnusableException("Invalid %s: %s (expected a local folder)".formatted(option, text));
        }
        return Path.of(uri.getPath());
    }
}
