package org.i2lspark.jobs.options;

import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.catalog.Catalog;
import org.i2lspark.jobs.storage.CatalogPlace;
import org.i2lspark.jobs.storage.ImageSource;
import picocli.CommandLine.Option;

/** What to work on, and what of it may be read. */
public final class CatalogOptions {
    /** A root below which nothing lies. */
    private static final String NOWHERE = "/dev/null";

    @Option(
            names = "--catalog",
            required = true,
            paramLabel = "URI",
            description = {
                "What to work on. A folder: each sub-folder with images is a style, an image directly in the folder is a style of its own.",
                "Or a .parquet, .csv, .tsv or .jsonl table with columns style_id, image and optionally brand, position.",
                "In Parquet, the column image may hold the images themselves. One that a style names twice counts once.",
                "Or a .tar, or a folder of them, as webdataset has them: a folder in it is a style."
            })
    private String catalog;

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

    /** The catalog, as it was named. */
    public String catalog() {
        return catalog;
    }

    /**
     * Checks what can be without opening anything.
     *
     * @throws UnusableException if the root is no local folder
     */
    public void check() throws UnusableException {
        if (root != null) {
            LocalFolders.require("--catalog-root", root);
        }
    }

    /** Which images may be read of the catalog, now that it is known what it is. */
    public ImageSource.Rules rules(Catalog read, ImageLimits limits) throws UnusableException {
        CatalogPlace place =
                new CatalogPlace(read.path().toString(), read.imagesFolder().toString());
        return new ImageSource.Rules(allowHttp, read.isTable() ? rootOf(read) : null, place, limits.maxBytes());
    }

    private String rootOf(Catalog table) throws UnusableException {
        if (root != null) {
            return LocalFolders.require("--catalog-root", root).toString();
        }
        boolean isLocal = table.path().toUri().getScheme().equals("file");
        return isLocal ? table.imagesFolder().toUri().getPath() : NOWHERE;
    }

    void putInto(Map<String, String> map) {
        map.put("allow-http", String.valueOf(allowHttp));
    }
}
