package org.i2lspark.jobs.catalog;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.commons.csv.CSVException;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;

/**
 * Rows as lines of values with a separator between them, quoted as in RFC 4180. The separator is the one by which the first
 * line names the columns that a catalog needs.
 */
final class DelimitedRows implements RowReader {
    private static final List<Character> SEPARATORS = List.of(',', ';', '\t', '|');
    private static final int MAX_HEADER_CHARS = 1 << 16;
    private static final Pattern LINE_BREAK = Pattern.compile("\r\n|\r|\n");

    private final CSVParser parser;
    private final Iterator<CSVRecord> records;
    private final int width;
    private final Map<String, Integer> places;

    /**
     * Reads the names of the columns.
     *
     * @throws TableProblem if one that is needed is missing, or one is there twice
     */
    DelimitedRows(Reader text) throws IOException {
        BufferedReader reader = new BufferedReader(text, MAX_HEADER_CHARS);
        Header header = header(reader);
        this.places = TableColumns.places(header.columns);
        this.width = header.columns.size();
        this.parser = format(header.separator).parse(reader);
        this.records = parser.iterator();
        nextRecord();
    }

    private record Header(char separator, List<String> columns) {}

    private static Header header(BufferedReader reader) throws IOException {
        char[] buffer = new char[MAX_HEADER_CHARS];
        reader.mark(buffer.length);
        int length = Math.max(0, reader.read(buffer));
        reader.reset();
        String start = new String(buffer, 0, length);
        Header widest = null;
        for (char separator : SEPARATORS) {
            List<String> columns = firstRecord(start, separator);
            if (TableColumns.areComplete(columns)) {
                return new Header(separator, columns);
            }
            if (widest == null || columns.size() > widest.columns.size()) {
                widest = new Header(separator, columns);
            }
        }
        return widest;
    }

    private static List<String> firstRecord(String start, char separator) throws IOException {
        try (CSVParser parser = format(separator).parse(new StringReader(start))) {
            Iterator<CSVRecord> records = parser.iterator();
            return records.hasNext() ? records.next().toList() : List.of();
        } catch (UncheckedIOException e) {
            // no header by this separator
            return List.of();
        }
    }

    private static CSVFormat format(char separator) {
        return CSVFormat.RFC4180
                .builder()
                .setDelimiter(separator)
                .setIgnoreEmptyLines(true)
                .setIgnoreSurroundingSpaces(true)
                .get();
    }

    @Override
    public TableRow next() throws IOException {
        for (CSVRecord record = nextRecord(); record != null; record = nextRecord()) {
            if (record.stream().anyMatch(value -> !value.isEmpty())) {
                return row(record);
            }
        }
        return null;
    }

    private CSVRecord nextRecord() throws IOException {
        long line = parser.getCurrentLineNumber() + 1;
        try {
            return records.hasNext() ? records.next() : null;
        } catch (UncheckedIOException e) {
            if (e.getCause() instanceof CSVException) {
                throw new TableProblem(
                        "line %d has a quote that is not closed, or one that needs to be doubled".formatted(line));
            }
            throw e.getCause();
        }
    }

    private TableRow row(CSVRecord record) {
        String place = "line " + line(record);
        if (record.stream().skip(width).anyMatch(value -> !value.isEmpty())) {
            return TableRow.unusable("%s has %d values for %d columns; one that holds the separator needs quotes"
                    .formatted(place, record.size(), width));
        }
        return TableRow.of(place, column -> {
            Integer index = places.get(column);
            return index == null || index >= record.size() ? null : record.get(index);
        });
    }

    /** The first of a record's lines. */
    private long line(CSVRecord record) {
        long breaks = record.stream()
                .mapToLong(value -> LINE_BREAK.matcher(value).results().count())
                .sum();
        return parser.getCurrentLineNumber() - breaks;
    }

    @Override
    public void close() throws IOException {
        parser.close();
    }
}
