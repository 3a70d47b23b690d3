package org.i2lspark.jobs.options;

import org.i2lspark.jobs.UnusableException;
import picocli.CommandLine.Option;

/** Which images may be read that a table names. */
public final class NamedImageOptions {
    /** A root below which nothing lies. */
    static final String NOWHERE = "/dev/null";

    @Option(
            names = "--catalog-root",
            paramLabel = "DIR",
            description =
                    "Local images that a table names are only read below this folder, a path or a file: URI. Default: the table's folder.")
    private String root;

    @Option(
            names = "--allow-http",
            description = "Read images that a table names by http: or https: too, from public addresses only.")
    private boolean allowHttp;

    /**
     * Checks what can be without opening anything.
     *
     * @throws UnusableException if the root is no local folder
     */
    void check() throws UnusableException {
        root(NOWHERE);
    }

    boolean allowHttp() {
        return allowHttp;
    }

    /**
     * The folder below which local images may be read.
     *
     * @param usual if none was named
     * @throws UnusableException if that is no local folder
     */
    String root(String usual) throws UnusableException {
        return root == null
                ? usual
                : LocalFolders.require("--catalog-root", root).toString();
    }
}
