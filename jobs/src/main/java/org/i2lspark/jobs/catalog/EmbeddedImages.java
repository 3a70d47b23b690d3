package org.i2lspark.jobs.catalog;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sequence;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.when;

import java.util.Locale;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * The column {@code image} of a table that holds its images itself: bytes, or, as Hugging Face writes them, a struct of
 * {@code bytes} and {@code path}, or a list of either. The bytes are left where they are.
 */
final class EmbeddedImages {
    private static final String BYTES = "bytes";
    private static final String PATH = "path";

    private EmbeddedImages() {}

    /** Whether a column of that type holds images. */
    static boolean areIn(DataType type) {
        return isImage(type) || (type instanceof ArrayType list && isImage(list.elementType()));
    }

    private static boolean isImage(DataType type) {
        return type instanceof BinaryType
                || (type instanceof StructType struct
                        && field(struct, BYTES) != null
                        && field(struct, BYTES).dataType() instanceof BinaryType);
    }

    private static StructField field(StructType struct, String name) {
        for (StructField field : struct.fields()) {
            if (field.name().strip().toLowerCase(Locale.ROOT).equals(name)) {
                return field;
            }
        }
        return null;
    }

    /** The places of a row's images in its list, a row for each; null where there is no list, or nothing in it. */
    static Column items(StructField image) {
        Column none = lit(null).cast("int");
        if (!(image.dataType() instanceof ArrayType list)) {
            return none;
        }
        Column images = ParquetTable.column(image);
        // of the paths alone, a list has the same size
        if (list.elementType() instanceof StructType struct && field(struct, PATH) != null) {
            images = images.getField(field(struct, PATH).name());
        }
        Column count = coalesce(size(images), lit(0));
        return explode(when(count.gt(0), sequence(lit(1), count)).otherwise(array(none)));
    }
}
