package org.i2lspark.jobs.catalog;

import static org.apache.spark.sql.functions.array_sort;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.collect_set;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.struct;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.catalog.Catalog.TableFormat;

/**
 * A table as a catalog: {@code style_id} and {@code image}, and optionally {@code brand} and {@code position}, a row for
 * each image. Images of a style are ordered by position, then by URI. A relative URI counts from the table's folder.
 */
final class TableCatalog {
    private static final Pattern ABSOLUTE = Pattern.compile("(/|[a-zA-Z][a-zA-Z0-9+.-]*:/).*", Pattern.DOTALL);

    private TableCatalog() {}

    static JavaRDD<Style> read(SparkSession spark, TableFormat format, String uri) throws UnusableException {
        try {
            return styles(spark, format, uri);
        } catch (UnusableException e) {
            throw e;
        } catch (Exception e) {
            // Spark throws checked exceptions unchecked
            throw Catalog.invalid(uri, e);
        }
    }

    private static JavaRDD<Style> styles(SparkSession spark, TableFormat format, String uri) throws UnusableException {
        Dataset<Row> table = switch (format) {
            case PARQUET -> spark.read().parquet(uri);
            case CSV -> spark.read().option("header", "true").csv(uri);
            case JSON -> spark.read().option("mode", "FAILFAST").json(uri);
        };
        Set<String> columns = Set.of(table.columns());
        for (String required : List.of("style_id", "image")) {
            if (!columns.contains(required)) {
                throw new UnusableException("Cannot read catalog %s: it has no column %s (found: %s)"
                        .formatted(uri, required, String.join(", ", table.columns())));
            }
        }
        refuseIncompleteRows(table, uri);
        Column position = columns.contains("position") ? col("position").cast("long") : lit(0L);
        Column brand = columns.contains("brand")
                ? col("brand").cast("string")
                : lit(null).cast("string");
        Dataset<Row> grouped = table.select(
                        col("style_id").cast("string").as("style_id"),
                        brand.as("brand"),
                        struct(
                                        position.as("position"),
                                        col("image").cast("string").as("image"))
                                .as("entry"))
                .groupBy("style_id")
                .agg(
                        collect_set("brand").as("brands"),
                        array_sort(collect_list("entry")).as("entries"));
        Path parent = new Path(uri).getParent();
        String folder = parent == null ? null : parent.toString();
        return grouped.toJavaRDD().map(row -> style(row, folder));
    }

    private static void refuseIncompleteRows(Dataset<Row> table, String uri) throws UnusableException {
        long incomplete = table.filter(col("style_id")
                        .isNull()
                        .or(col("image").isNull())
                        .or(col("style_id").equalTo(""))
                        .or(col("image").equalTo("")))
                .count();
        if (incomplete > 0) {
            throw new UnusableException(
                    "Cannot read catalog %s: %d rows lack style_id or image".formatted(uri, incomplete));
        }
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
