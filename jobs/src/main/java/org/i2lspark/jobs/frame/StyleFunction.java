package org.i2lspark.jobs.frame;

import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.i2lspark.jobs.worker.StyleStream;
import org.i2lspark.jobs.worker.StyleStream.Request;

/** A function of SQL: an image, or the images of a style, to a struct. */
record StyleFunction(ExecutorStreams streams, ResultColumns columns) implements UDF1<Object, Row> {
    @Override
    public Row call(Object images) {
        try (StyleStream<String> stream = streams.stream(
                List.of(new Request<>("row", ImageValues.of(images))).iterator())) {
            return columns.row(stream.next());
        }
    }
}
