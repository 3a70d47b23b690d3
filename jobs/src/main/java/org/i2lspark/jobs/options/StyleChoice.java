package org.i2lspark.jobs.options;

import java.io.Serializable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.i2lspark.jobs.UnusableException;

/**
 * Of which styles previews are made.
 *
 * @param each of so many in the order of their ids; 1 for all
 */
public record StyleChoice(Way way, int each) implements Serializable {
    private static final Pattern EVERY = Pattern.compile("every ([1-9]\\d{0,8})");

    /** How styles are chosen. */
    public enum Way {
        EACH,
        /** The first of each brand: of the ids with the same first path element. */
        FIRST_OF_BRAND
    }

    /** All styles. */
    public static final StyleChoice ALL = new StyleChoice(Way.EACH, 1);

    static StyleChoice parse(String name, String text) throws UnusableException {
        Matcher every = EVERY.matcher(text);
        if (every.matches()) {
            return new StyleChoice(Way.EACH, Integer.parseInt(every.group(1)));
        }
        return switch (text) {
            case "all" -> ALL;
            case "first of brand" -> new StyleChoice(Way.FIRST_OF_BRAND, 1);
            default ->
                throw new UnusableException(
                        "Invalid %s: '%s' (expected all, first of brand, or every N, such as every 10)"
                                .formatted(name, text));
        };
    }

    /** As it is written. */
    public String text() {
        if (way == Way.FIRST_OF_BRAND) {
            return "first of brand";
        }
        return each == 1 ? "all" : "every " + each;
    }

    /** The brand of a style: the first element of its id. */
    public static String brand(String styleId) {
        return styleId.split("/", 2)[0];
    }
}
