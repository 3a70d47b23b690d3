package org.i2lspark.jobs.frame;

import java.io.Serializable;
import java.util.Iterator;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.util.TaskCompletionListener;
import org.i2lspark.jobs.worker.StyleStream;
import org.i2lspark.jobs.worker.StyleStream.Outcome;
import org.i2lspark.jobs.worker.StyleStream.Request;

/** What a task does with its rows. */
record PartitionFunction(ExecutorStreams streams, Requests requests, ResultColumns columns)
        implements MapPartitionsFunction<Row, Row> {

    /** How rows become styles that are asked for, each known by the columns that are passed on. */
    @FunctionalInterface
    interface Requests extends Serializable {
        Iterator<Request<Row>> of(Iterator<Row> rows);
    }

    @Override
    public Iterator<Row> call(Iterator<Row> rows) {
        StyleStream<Row> stream = streams.stream(requests.of(rows));
        // also of a task that is not asked for all its rows
        TaskContext.get().addTaskCompletionListener((TaskCompletionListener) ended -> stream.close());
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return stream.hasNext();
            }

            @Override
            public Row next() {
                Outcome<Row> outcome = stream.next();
                return columns.rowAfter(outcome);
            }
        };
    }
}
