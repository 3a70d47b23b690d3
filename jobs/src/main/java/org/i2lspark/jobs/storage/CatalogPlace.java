package org.i2lspark.jobs.storage;

import java.io.Serializable;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.Path;

/**
 * Where a catalog lies.
 *
 * @param uri of the catalog, with scheme
 * @param imagesFolder URI from which relative images of a table count
 */
public record CatalogPlace(String uri, String imagesFolder) implements Serializable {
    private static final Pattern ABSOLUTE = Pattern.compile("(/|[a-zA-Z][a-zA-Z0-9+.-]*:/).*", Pattern.DOTALL);

    String scheme() {
        return new Path(uri).toUri().getScheme();
    }

    /** Whether a file is the catalog itself, or one of its own. */
    boolean has(Path file) {
        Path catalog = new Path(uri);
        return file.equals(catalog) || file.toString().startsWith(catalog + Path.SEPARATOR);
    }

    /** The URI of an image that a table names. */
    String resolve(String image) {
        return resolve(image, imagesFolder);
    }

    /** The URI of an image that a table names. What is no path stays as it is, and fails when it is read. */
    public static String resolve(String image, String imagesFolder) {
        if (ABSOLUTE.matcher(image).matches()) {
            return image;
        }
        try {
            return new Path(imagesFolder, new Path(image)).toString();
        } catch (IllegalArgumentException e) {
            return image;
        }
    }
}
