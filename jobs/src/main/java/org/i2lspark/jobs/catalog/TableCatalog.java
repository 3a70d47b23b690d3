package org.i2lspark.jobs.catalog;

import static org.apache.spark.sql.functions.array_sort;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.collect_set;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.when;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.catalog.Catalog.TableFormat;
import org.i2lspark.jobs.storage.Storage;

/**
 * A table as a catalog: {@code style_id} and {@code image}, and optionally {@code brand} and {@code position}, a row for
 * each image. Images of a style are ordered by position, then by URI. A relative URI counts from the table's folder.
 */
final class TableCatalog {
    private static final Pattern ABSOLUTE = Pattern.compile("(/|[a-zA-Z][a-zA-Z0-9+.-]*:/).*", Pattern.DOTALL);

    /** Spark's own option, by which the name of a table is no pattern. */
    private static final String GLOB_PATHS = "__globPaths__";

    private TableCatalog() {}

    static JavaRDD<Style> read(SparkSession spark, Storage storage, TableFormat format, Path path, String uri)
            throws UnusableException {
        try {
            return styles(path, table(spark, storage, format, path));
        } catch (UnusableException e) {
            throw e;
        } catch (Exception e) {
            // Spark throws checked exceptions unchecked
            throw Catalog.invalid(uri, e);
        }
    }

    private static Dataset<Row> table(SparkSession spark, Storage storage, TableFormat format, Path path)
            throws IOException {
        String table = path.toString();
        return switch (format) {
            case PARQUET -> {
                SparkSession session = spark.newSession();
                // style_id=007 is no number
                session.conf().set("spark.sql.sources.partitionColumnTypeInference.enabled", "false");
                yield session.read()
                        .option("pathGlobFilter", "*.parquet")
                        .option(GLOB_PATHS, "false")
                        .parquet(table);
            }
            case CSV -> {
                start(storage, path);
                yield spark.read()
                        .option("header", "true")
                        .option("escape", "\"")
                        .option("multiLine", "true")
                        .option(GLOB_PATHS, "false")
                        .csv(table);
            }
            case JSON -> {
                boolean array = start(storage, path)
                        .replaceFirst("^\u00EF\u00BB\u00BF", "")
                        .stripLeading()
                        .startsWith("[");
                yield spark.read()
                        .option("mode", "FAILFAST")
                        .option("multiLine", array)
                        .option(GLOB_PATHS, "false")
                        .json(table);
            }
        };
    }

    /** The first bytes of a text. */
    private static String start(Storage storage, Path path) throws IOException {
        byte[] start;
        try (FSDataInputStream in = storage.fileSystem(path).open(path)) {
            start = in.readNBytes(64);
        }
        String text = new String(start, StandardCharsets.ISO_8859_1);
        if (text.startsWith("\u00FE\u00FF") || text.startsWith("\u00FF\u00FE") || text.indexOf('\0') >= 0) {
            throw new UnusableException(
                    "Cannot read catalog %s: it is UTF-16 or UTF-32 (expected UTF-8)".formatted(path));
        }
        return text;
    }

    private static JavaRDD<Style> styles(Path path, Dataset<Row> table) throws UnusableException {
        Set<String> columns = Set.of(table.columns());
        for (String required : List.of("style_id", "image")) {
            if (!columns.contains(required)) {
                throw new UnusableException("Cannot read catalog %s: it has no column %s (found: %s)"
                        .formatted(path, required, String.join(", ", table.columns())));
            }
        }
        requireText(table, "style_id", path);
        requireText(table, "image", path);
        refuseIncompleteRows(table, path);
        boolean hasPosition = columns.contains("position");
        if (hasPosition) {
            refusePositions(table, path);
        }
        Column position = hasPosition ? number("position") : lit(0L);
        Column brand =
                columns.contains("brand") ? text(table, "brand") : lit(null).cast("string");
        Dataset<Row> grouped = table.select(
                        text(table, "style_id").as("style_id"),
                        brand.as("brand"),
                        struct(
                                        position.as("position"),
                                        col("image").cast("string").as("image"))
                                .as("entry"))
                .groupBy("style_id")
                .agg(
                        collect_set("brand").as("brands"),
                        array_sort(collect_list("entry")).as("entries"));
        Path parent = path.getParent();
        String folder = parent == null ? null : parent.toString();
        return grouped.toJavaRDD().map(row -> style(row, folder));
    }

    private static void requireText(Dataset<Row> table, String column, Path path) throws UnusableException {
        DataType type = table.schema().apply(column).dataType();
        if (type instanceof BinaryType
                || type instanceof StructType
                || type instanceof ArrayType
                || type instanceof MapType) {
            throw new UnusableException("Cannot read catalog %s: its column %s is %s (expected text)"
                    .formatted(path, column, type.typeName()));
        }
    }

    private static void refuseIncompleteRows(Dataset<Row> table, Path path) throws UnusableException {
        Column incomplete = lit(false);
        for (String required : List.of("style_id", "image")) {
            Column value = col(required);
            incomplete = incomplete.or(value.isNull()).or(value.cast("string").equalTo(""));
        }
        long rows = table.filter(incomplete).count();
        if (rows > 0) {
            throw new UnusableException("Cannot read catalog %s: %d rows lack style_id or image".formatted(path, rows));
        }
    }

    private static void refusePositions(Dataset<Row> table, Path path) throws UnusableException {
        List<Row> bad = table.filter(
                        col("position").isNotNull().and(number("position").isNull()))
                .select(
                        text(table, "style_id"),
                        col("image").cast("string"),
                        col("position").cast("string"))
                .takeAsList(1);
        if (!bad.isEmpty()) {
            Row row = bad.get(0);
            throw new UnusableException(Problems.printable(
                    "Cannot read catalog %s: style '%s', image '%s' has position '%s' (expected a number)"
                            .formatted(path, row.getString(0), row.getString(1), row.getString(2))));
        }
    }

    /** Exact for integers, also where they are written as 1.0 or as text; null where it is no number. */
    private static Column number(String column) {
        return col(column).try_cast("decimal(38,9)");
    }

    /** As a person would write it: no {@code 1.0} for what is the number 1. */
    private static Column text(Dataset<Row> table, String column) {
        DataType type = table.schema().apply(column).dataType();
        Column plain = col(column).cast("string");
        if (!(type instanceof DoubleType || type instanceof FloatType || type instanceof DecimalType)) {
            return plain;
        }
        Column whole = col(column).try_cast("bigint");
        return when(whole.equalTo(col(column)), whole.cast("string")).otherwise(plain);
    }

    private static Style style(Row row, String folder) {
        String id = row.getString(0);
        List<String> brands = row.getList(1);
        List<String> images = new ArrayList<>();
        for (Row entry : row.<Row>getList(2)) {
            images.add(resolve(entry.getString(1), folder));
        }
        String problem =
                brands.size() > 1 ? "style '%s' has several brands: %s".formatted(id, String.join(", ", brands)) : null;
        return new Style(id, brands.isEmpty() ? null : brands.get(0), images, problem);
    }

    /** What is no path stays as it is, and fails when it is read. */
    private static String resolve(String image, String folder) {
        if (folder == null || ABSOLUTE.matcher(image).matches()) {
            return image;
        }
        try {
            return new Path(folder, new Path(image)).toString();
        } catch (IllegalArgumentException e) {
            return image;
        }
    }
}
