package org.i2lspark.jobs.frame;

import java.io.Serializable;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.worker.StyleStream.Outcome;

/** The columns that come in addition, in their order. */
record ResultColumns(List<ResultColumn> columns) implements Serializable {
    /** As a struct of their own. */
    StructType type() {
        return new StructType(columns.stream().map(ResultColumn::field).toArray(StructField[]::new));
    }

    /**
     * Behind others.
     *
     * @throws UnusableException if one of the others has the name of one of these
     */
    StructType after(StructType others) throws UnusableException {
        for (ResultColumn column : columns) {
            for (String name : others.fieldNames()) {
                if (name.equalsIgnoreCase(column.id())) {
                    throw new UnusableException(
                            "Cannot add the column %s: there is one; rename or drop it".formatted(name));
                }
            }
        }
        return new StructType(Stream.concat(Stream.of(others.fields()), Stream.of(type().fields()))
                .toArray(StructField[]::new));
    }

    Row row(Outcome<?> outcome) {
        return RowFactory.create(values(outcome).toArray());
    }

    Row rowAfter(Outcome<Row> outcome) {
        Row others = outcome.key();
        return RowFactory.create(Stream.concat(IntStream.range(0, others.size()).mapToObj(others::get), values(outcome))
                .toArray());
    }

    private Stream<Object> values(Outcome<?> outcome) {
        return columns.stream().map(column -> column.value(outcome));
    }
}
