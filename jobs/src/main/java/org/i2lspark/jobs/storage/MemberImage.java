package org.i2lspark.jobs.storage;

import java.io.Serializable;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An image that is a member of a tar archive.
 *
 * @param file URI of the archive
 * @param member its path in the archive
 * @param offset of its first byte in the archive
 * @param bytes how many it has
 */
public record MemberImage(String file, String member, long offset, long bytes) implements Serializable {
    private static final Pattern NAME =
            Pattern.compile("(.+?)#member=(.+)&offset=(\\d{1,18})&bytes=(\\d{1,18})", Pattern.DOTALL);

    /** By which manifest and messages name it: {@code FILE#member=PATH&offset=512&bytes=2048}. */
    public String name() {
        return file + "#member=" + member + "&offset=" + offset + "&bytes=" + bytes;
    }

    /** The image of a name; nothing when it names no such image. */
    static Optional<MemberImage> named(String name) {
        Matcher matcher = NAME.matcher(name);
        return matcher.matches()
                ? Optional.of(new MemberImage(
                        matcher.group(1),
                        matcher.group(2),
                        Long.parseLong(matcher.group(3)),
                        Long.parseLong(matcher.group(4))))
                : Optional.empty();
    }
}
