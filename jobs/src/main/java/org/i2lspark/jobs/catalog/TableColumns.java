package org.i2lspark.jobs.catalog;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.i2lspark.jobs.Problems;

/** The columns of a catalog's table, by whichever case and blanks they are written with. */
final class TableColumns {
    static final String STYLE_ID = "style_id";
    static final String IMAGE = "image";
    static final String BRAND = "brand";
    static final String POSITION = "position";

    private static final List<String> REQUIRED = List.of(STYLE_ID, IMAGE);
    private static final List<String> ALL = List.of(STYLE_ID, IMAGE, BRAND, POSITION);

    private TableColumns() {}

    /** A name as it is looked for. */
    static String normalized(String name) {
        return name.strip().toLowerCase(Locale.ROOT);
    }

    static boolean areComplete(Collection<String> found) {
        return found.stream().map(TableColumns::normalized).toList().containsAll(REQUIRED);
    }

    /**
     * The places of the columns that are used, by name.
     *
     * @throws TableProblem if one that is needed is missing, or one is there twice
     */
    static Map<String, Integer> places(List<String> found) throws TableProblem {
        Map<String, Integer> places = new LinkedHashMap<>();
        for (int i = 0; i < found.size(); i++) {
            String name = normalized(found.get(i));
            if (ALL.contains(name) && places.put(name, i) != null) {
                throw new TableProblem("it has two columns %s (found: %s)".formatted(name, listed(found)));
            }
        }
        for (String required : REQUIRED) {
            if (!places.containsKey(required)) {
                throw new TableProblem("it has no column %s (found: %s)".formatted(required, listed(found)));
            }
        }
        return places;
    }

    private static String listed(List<String> found) {
        return Problems.printable(String.join(", ", found));
    }
}
