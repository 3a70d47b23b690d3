package org.i2lspark.jobs.catalog;

import java.io.Serializable;
import org.i2lspark.jobs.Problems;

/**
 * What lies in a folder of images and was not taken.
 *
 * @param files that are not named like images; hidden ones and those of systems do not count
 * @param file one of them; null when there is none
 * @param links to a folder that the link itself lies in
 * @param link one of them; null when there is none
 */
public record PassedOver(long files, String file, long links, String link) implements Serializable {
    static final PassedOver NOTHING = new PassedOver(0, null, 0, null);

    static PassedOver file(String path) {
        return new PassedOver(1, path, 0, null);
    }

    static PassedOver link(String path) {
        return new PassedOver(0, null, 1, path);
    }

    PassedOver plus(PassedOver other) {
        return new PassedOver(
                files + other.files,
                file == null ? other.file : file,
                links + other.links,
                link == null ? other.link : link);
    }

    /** A line for each kind, for a person; empty when nothing was passed over. */
    public String text() {
        String text = "";
        if (files > 0) {
            text += "%d files passed over that are not named like images, such as %s%n"
                    .formatted(files, Problems.printable(file));
        }
        if (links > 0) {
            text += "%d links passed over that lead back to a folder above them, such as %s%n"
                    .formatted(links, Problems.printable(link));
        }
        return text;
    }
}
