package org.i2lspark.jobs.options;

import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Sizes in bytes as people write them: {@code 512m}, {@code 2g}. */
public final class ByteSize implements ITypeConverter<Long> {
    private static final Pattern SIZE = Pattern.compile("([1-9][0-9]{0,8})([kKmMgG])");

    /** The bytes that a text names; empty if it names none. */
    static OptionalLong parse(String text) {
        Matcher size = SIZE.matcher(text);
        if (!size.matches()) {
            return OptionalLong.empty();
        }
        long number = Long.parseLong(size.group(1));
        return OptionalLong.of(
                switch (Character.toLowerCase(size.group(2).charAt(0))) {
                    case 'k' -> number << 10;
                    case 'm' -> number << 20;
                    default -> number << 30;
                });
    }

    /** For a person. */
    public static String text(long bytes) {
        return String.format(Locale.ROOT, "%.1f GiB", (double) bytes / (1L << 30));
    }

    @Override
    public Long convert(String text) {
        return parse(text)
                .orElseThrow(
                        () -> new TypeConversionException("expected a size such as 512m or 8g, not '" + text + "'"));
    }
}
