package org.i2lspark.jobs.options;

import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.catalog.Catalog;
import org.i2lspark.jobs.storage.CatalogPlace;
import org.i2lspark.jobs.storage.ImageSource;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What to work on, and what of it may be read. */
public final class CatalogOptions {
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

    @Mixin
    private NamedImageOptions namedImages;

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
        namedImages.check();
    }

    /** Which images may be read of the catalog, now that it is known what it is. */
    public ImageSource.Rules rules(Catalog read, ImageLimits limits) throws UnusableException {
        CatalogPlace place =
                new CatalogPlace(read.path().toString(), read.imagesFolder().toString());
        return new ImageSource.Rules(
                namedImages.allowHttp(), read.isTable() ? rootOf(read) : null, place, limits.maxBytes());
    }

    private String rootOf(Catalog table) throws UnusableException {
        boolean isLocal = table.path().toUri().getScheme().equals("file");
        return namedImages.root(isLocal ? table.imagesFolder().toUri().getPath() : NamedImageOptions.NOWHERE);
    }

    void putInto(Map<String, String> map) {
        map.put("allow-http", String.valueOf(namedImages.allowHttp()));
    }
}
