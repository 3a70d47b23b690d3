package org.i2lspark.jobs.catalog;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.when;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameReader;
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
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.i2lspark.jobs.storage.Storage;

/** A table in Parquet: a file, or a folder of them, perhaps below folders named {@code column=value}. */
final class ParquetTable {
    /** Spark's own option, by which the name of a table is no pattern. */
    private static final String GLOB_PATHS = "__globPaths__";

    private static final String ENDINGS = "*.[pP][aA][rR][qQ][uU][eE][tT]";

    private ParquetTable() {}

    /**
     * Its rows as {@link TableRow#SCHEMA} has them.
     *
     * @throws TableProblem if a column is missing or holds no text
     */
    static Dataset<Row> read(SparkSession spark, Storage storage, Path path) throws IOException {
        Dataset<Row> table = table(spark, storage, path);
        StructField[] fields = table.schema().fields();
        Map<String, Integer> places = TableColumns.places(List.of(table.columns()));
        List<Column> columns = new ArrayList<>();
        columns.add(concat(lit("row "), row().cast("string"), lit(" of "), col("_metadata.file_name"))
                .as(TableRow.PLACE));
        StructField image = fields[places.get(TableColumns.IMAGE)];
        boolean held = EmbeddedImages.areIn(image.dataType());
        columns.add((held ? col("_metadata.file_path") : text(image)).as(TableColumns.IMAGE));
        columns.add((held ? row() : none("bigint")).as(TableRow.ROW));
        columns.add((held ? EmbeddedImages.items(image) : none("int")).as(TableRow.ITEM));
        columns.add(none("string").as(TableRow.PROBLEM));
        for (String wanted : List.of(TableColumns.STYLE_ID, TableColumns.BRAND, TableColumns.POSITION)) {
            Integer place = places.get(wanted);
            columns.add((place == null ? none("string") : text(fields[place])).as(wanted));
        }
        return table.select(columns.toArray(new Column[0]));
    }

    private static Column none(String type) {
        return lit(null).cast(type);
    }

    /** In its file, from 1 on. */
    private static Column row() {
        return col("_metadata.row_index").plus(1);
    }

    private static Dataset<Row> table(SparkSession spark, Storage storage, Path path) throws IOException {
        SparkSession session = spark.newSession();
        // style_id=007 is no number
        session.conf().set("spark.sql.sources.partitionColumnTypeInference.enabled", "false");
        DataFrameReader reader = session.read().option(GLOB_PATHS, "false");
        if (TableFormat.holdsParquet(storage, path)) {
            reader = reader.option("pathGlobFilter", ENDINGS);
        }
        return reader.parquet(path.toString());
    }

    static Column column(StructField field) {
        return col("`" + field.name().replace("`", "``") + "`");
    }

    /** As a person would write it: no {@code 1.0} for what is the number 1. */
    private static Column text(StructField field) throws TableProblem {
        DataType type = field.dataType();
        if (type instanceof BinaryType
                || type instanceof StructType
                || type instanceof ArrayType
                || type instanceof MapType) {
            String name = TableColumns.normalized(field.name());
            throw new TableProblem("its column %s is %s (expected %s)"
                    .formatted(
                            name,
                            type.simpleString(),
                            name.equals(TableColumns.IMAGE) ? "text, or bytes of image files" : "text"));
        }
        Column column = column(field);
        Column plain = column.cast("string");
        if (!(type instanceof DoubleType || type instanceof FloatType || type instanceof DecimalType)) {
            return plain;
        }
        Column whole = column.try_cast("bigint");
        return when(whole.equalTo(column), whole.cast("string")).otherwise(plain);
    }
}
