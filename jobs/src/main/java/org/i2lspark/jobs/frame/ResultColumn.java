package org.i2lspark.jobs.frame;

import java.util.Locale;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.worker.StyleStream.Outcome;
import scala.collection.immutable.ArraySeq;

/** A column that comes in addition. */
enum ResultColumn {
    LORA,
    SIGLIP2,
    DINOV3,
    ERROR;

    StructField field() {
        return DataTypes.createStructField(id(), type(), true);
    }

    private DataType type() {
        return switch (this) {
            case LORA -> DataTypes.BinaryType;
            case SIGLIP2, DINOV3 -> DataTypes.createArrayType(DataTypes.FloatType, false);
            case ERROR -> DataTypes.StringType;
        };
    }

    String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** What a row has here, as Spark takes it. */
    Object value(Outcome<?> outcome) {
        return switch (this) {
            case LORA -> outcome.lora();
            case SIGLIP2 -> floats(outcome.siglip2());
            case DINOV3 -> floats(outcome.dinov3());
            case ERROR -> text(outcome.failure());
        };
    }

    private static Object floats(float[] values) {
        return values == null ? null : new ArraySeq.ofFloat(values);
    }

    private static String text(Failure failure) {
        return failure == null ? null : "[%s] %s".formatted(failure.errorClass().id(), failure.message());
    }
}
