package org.i2lspark.jobs.storage;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An image that a row of a Parquet file holds itself.
 *
 * @param file URI of the file
 * @param row in the file, from 1 on
 * @param item place in the row's list of images, from 1 on; 0 where the row holds one image and no list
 */
public record RowImage(String file, long row, int item) {
    private static final Pattern NAME =
            Pattern.compile("(.+)#row=([1-9]\\d{0,17})(?:&image=([1-9]\\d{0,8}))?", Pattern.DOTALL);

    /** By which manifest and messages name it: {@code FILE#row=17}, or {@code FILE#row=17&image=2}. */
    public String name() {
        return file + "#row=" + row + (item == 0 ? "" : "&image=" + item);
    }

    /** The image of a name; nothing when it names no such image. */
    static Optional<RowImage> named(String name) {
        Matcher matcher = NAME.matcher(name);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        String item = matcher.group(3);
        return Optional.of(new RowImage(
                matcher.group(1), Long.parseLong(matcher.group(2)), item == null ? 0 : Integer.parseInt(item)));
    }
}
