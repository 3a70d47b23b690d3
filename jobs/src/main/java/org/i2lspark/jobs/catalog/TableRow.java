package org.i2lspark.jobs.catalog;

import java.io.Serializable;
import java.util.function.Function;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;
import org.i2lspark.jobs.storage.RowImage;

/**
 * A row of a table: all that it says, as text.
 *
 * @param place where it stands, for a person
 * @param styleId null when there is none, as are the other columns
 * @param problem why it is no row; null when it is one
 */
record TableRow(String place, String styleId, String image, String brand, String position, String problem)
        implements Serializable {
    static final String PLACE = "place";
    static final String PROBLEM = "problem";

    /** Of the file that the image names and that holds it, see {@link RowImage}; null where the image is a file itself. */
    static final String ROW = "row";

    static final String ITEM = "item";

    static final StructType SCHEMA = new StructType()
            .add(PLACE, "string")
            .add(TableColumns.STYLE_ID, "string")
            .add(TableColumns.IMAGE, "string")
            .add(TableColumns.BRAND, "string")
            .add(TableColumns.POSITION, "string")
            .add(PROBLEM, "string")
            .add(ROW, "bigint")
            .add(ITEM, "int");

    /** @param value gives a column's text by its name */
    static TableRow of(String place, Function<String, String> value) {
        return new TableRow(
                place,
                value.apply(TableColumns.STYLE_ID),
                value.apply(TableColumns.IMAGE),
                value.apply(TableColumns.BRAND),
                value.apply(TableColumns.POSITION),
                null);
    }

    static TableRow unusable(String problem) {
        return new TableRow(null, null, null, null, null, problem);
    }

    Row toRow() {
        return RowFactory.create(place, styleId, image, brand, position, problem, null, null);
    }
}
