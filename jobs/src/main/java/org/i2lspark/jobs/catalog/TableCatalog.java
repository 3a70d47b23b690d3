package org.i2lspark.jobs.catalog;

import static org.apache.spark.sql.functions.array_sort;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.lower;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.trim;
import static org.apache.spark.sql.functions.when;

import java.net.URI;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.CatalogPlace;
import org.i2lspark.jobs.storage.RowImage;
import org.i2lspark.jobs.storage.Storage;

/**
 * A table as a catalog: {@code style_id} and {@code image}, and optionally {@code brand} and {@code position}, a row for
 * each image. Images of a style are ordered by position, then by URI. A relative URI counts from the table's folder.
 */
final class TableCatalog {
    private TableCatalog() {}

    /**
     * Reads a table.
     *
     * @param uri by which the user knows it
     * @throws UnusableException if it is no catalog; the message says where
     */
    static JavaRDD<Style> read(SparkSession spark, Storage storage, TableFormat format, Path path, String uri)
            throws UnusableException {
        try {
            Dataset<Row> rows = format == TableFormat.PARQUET
                    ? ParquetTable.read(spark, storage, path)
                    : TextTable.read(spark, storage, format, path);
            refuseUnusable(rows);
            return styles(rows, path);
        } catch (UnusableException e) {
            throw e;
        } catch (Exception e) {
            // Spark throws checked exceptions unchecked
            throw Catalog.invalid(uri, e);
        }
    }

    private static void refuseUnusable(Dataset<Row> rows) throws TableProblem {
        Column place = col(TableRow.PLACE);
        Column problem = coalesce(
                col(TableRow.PROBLEM),
                when(isBlank(TableColumns.STYLE_ID), concat(place, lit(" has no style_id"))),
                when(isBlank(TableColumns.IMAGE), concat(place, lit(" has no image"))),
                when(
                        position().isNotNull().and(number().isNull()),
                        concat(place, lit(" has position '"), position(), lit("' (expected a number)"))));
        Row found = rows.select(problem.as(TableRow.PROBLEM))
                .agg(count(TableRow.PROBLEM), first(TableRow.PROBLEM, true))
                .head();
        long more = found.getLong(0) - 1;
        if (more >= 0) {
            throw new TableProblem(
                    found.getString(1) + (more == 0 ? "" : "; %d more rows cannot be used".formatted(more)));
        }
    }

    private static Column isBlank(String column) {
        return col(column).isNull().or(trim(col(column)).equalTo(""));
    }

    /** What is left open, or is pandas' word for that, is no position. */
    private static Column position() {
        Column text = trim(col(TableColumns.POSITION));
        return when(lower(text).isin("", "nan").equalTo(lit(false)), text);
    }

    /** Exact for integers, also where they are written as 1.0; null where it is no number. */
    private static Column number() {
        return position().try_cast("decimal(38,9)");
    }

    private static JavaRDD<Style> styles(Dataset<Row> rows, Path path) {
        Column brand = when(isBlank(TableColumns.BRAND).equalTo(lit(false)), col(TableColumns.BRAND));
        Column placedBrand = when(brand.isNotNull(), struct(brand.as(TableColumns.BRAND), col(TableRow.PLACE)));
        Dataset<Row> grouped = rows.groupBy(TableColumns.STYLE_ID)
                .agg(
                        min(placedBrand),
                        max(placedBrand),
                        array_sort(collect_list(struct(
                                number().as(TableColumns.POSITION),
                                col(TableColumns.IMAGE),
                                col(TableRow.ROW),
                                col(TableRow.ITEM)))));
        String folder = TableFormat.imagesFolder(path).toString();
        return grouped.toJavaRDD().map(row -> style(row, folder));
    }

    private static Style style(Row row, String folder) {
        String id = row.getString(0);
        Row brand = row.getStruct(1);
        Row other = row.getStruct(2);
        Set<String> distinct = new LinkedHashSet<>();
        for (Row entry : row.<Row>getList(3)) {
            distinct.add(image(entry, folder));
        }
        List<String> images = List.copyOf(distinct);
        if (brand == null) {
            return new Style(id, null, images);
        }
        String problem = brand.getString(0).equals(other.getString(0))
                ? null
                : Problems.printable("style '%s' has several brands: %s in %s, %s in %s"
                        .formatted(id, brand.getString(0), brand.getString(1), other.getString(0), other.getString(1)));
        return new Style(id, brand.getString(0), images, problem, null);
    }

    private static String image(Row entry, String folder) {
        if (entry.isNullAt(2)) {
            return CatalogPlace.resolve(entry.getString(1), folder);
        }
        String file = new Path(URI.create(entry.getString(1))).toString();
        return new RowImage(file, entry.getLong(2), entry.isNullAt(3) ? 0 : entry.getInt(3)).name();
    }
}
