package org.i2lspark.jobs.catalog;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.Storage;

/** The kinds of tables, by their names. */
enum TableFormat {
    PARQUET(".*\\.parquet"),
    /** A line for each row, the first with the names of columns. */
    DELIMITED(".*\\.(csv|tsv|tab)(\\.gz)?"),
    /** An object for each row: one after the other, or in an array. */
    JSON(".*\\.(jsonl|ndjson|json)(\\.gz)?");

    /** What a catalog may be, for messages. */
    static final String EXPECTED = "a folder of images, a .parquet, .csv, .tsv or .jsonl table, or .tar archives";

    private final Pattern names;

    TableFormat(String names) {
        this.names = Pattern.compile(names, Pattern.DOTALL);
    }

    /**
     * The format of a catalog; nothing where it is a folder of images.
     *
     * @throws UnusableException if it is neither
     */
    static Optional<TableFormat> of(Storage storage, FileStatus catalog) throws IOException {
        if (catalog.isDirectory()) {
            return isNamed(PARQUET, catalog) || holdsParquet(storage, catalog.getPath())
                    ? Optional.of(PARQUET)
                    : Optional.empty();
        }
        for (TableFormat format : values()) {
            if (isNamed(format, catalog)) {
                return Optional.of(format);
            }
        }
        throw new UnusableException(
                "Cannot read catalog %s: unknown kind of file (expected %s)".formatted(catalog.getPath(), EXPECTED));
    }

    /** Where relative images of a table count from: from beside it, or, where it is a folder like any other, from in it. */
    static Path imagesFolder(Path table) {
        return Stream.of(values()).anyMatch(format -> isNamed(format, table)) ? table.getParent() : table;
    }

    private static boolean isNamed(TableFormat format, FileStatus file) {
        return isNamed(format, file.getPath());
    }

    private static boolean isNamed(TableFormat format, Path path) {
        return format.names.matcher(path.getName().toLowerCase(Locale.ROOT)).matches();
    }

    /** What Spark and others write: Parquet files and no images, perhaps below folders named {@code column=value}. */
    static boolean holdsParquet(Storage storage, Path folder) throws IOException {
        List<FileStatus> children = storage.children(folder).stream()
                .filter(child -> !child.getPath().getName().startsWith("_")
                        && !child.getPath().getName().startsWith("."))
                .toList();
        List<FileStatus> files = children.stream().filter(FileStatus::isFile).toList();
        List<FileStatus> folders =
                children.stream().filter(FileStatus::isDirectory).toList();
        if (folders.stream().anyMatch(child -> !child.getPath().getName().contains("="))
                || files.stream()
                        .anyMatch(file ->
                                FolderCatalog.isNamedLikeAnImage(file.getPath().getName()))) {
            return false;
        }
        if (files.stream().anyMatch(file -> isNamed(PARQUET, file))) {
            return true;
        }
        for (FileStatus child : folders) {
            if (holdsParquet(storage, child.getPath())) {
                return true;
            }
        }
        return false;
    }
}
