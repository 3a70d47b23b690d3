package org.i2lspark.jobs.catalog;

import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.TaskCompletionListener;
import org.i2lspark.jobs.storage.ShippedStorage;
import org.i2lspark.jobs.storage.Storage;

/**
 * A table that is a text. One task reads it, from its begin to its end, as it must where a line break may be within a value;
 * so rows are known by their lines.
 */
final class TextTable {
    private TextTable() {}

    /**
     * Its rows as {@link TableRow#SCHEMA} has them.
     *
     * @throws TableProblem if its begin is none of such a table
     */
    static Dataset<Row> read(SparkSession spark, Storage storage, TableFormat format, Path path) throws IOException {
        open(storage, format, path).close();
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        ShippedStorage shipped = ShippedStorage.of(spark);
        JavaRDD<Row> rows = context.parallelize(List.of(path.toString()), 1)
                .flatMap(table -> rows(shipped.here(), format, new Path(table)));
        return spark.createDataFrame(rows, TableRow.SCHEMA);
    }

    private static RowReader open(Storage storage, TableFormat format, Path path) throws IOException {
        Reader text = TableText.open(storage, path);
        try {
            return format == TableFormat.JSON ? new JsonRows(text) : new DelimitedRows(text);
        } catch (IOException e) {
            text.close();
            throw TableText.told(e);
        }
    }

    private static Iterator<Row> rows(Storage storage, TableFormat format, Path path) throws IOException {
        RowReader reader = open(storage, format, path);
        TaskContext.get().addTaskCompletionListener((TaskCompletionListener) ignored -> close(reader));
        return new Rows(reader);
    }

    private static void close(RowReader reader) {
        try {
            reader.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The rows up to the end, or up to one that cannot be read, which is the last. */
    private static final class Rows implements Iterator<Row> {
        private final RowReader reader;
        private TableRow next;
        private boolean ended;

        Rows(RowReader reader) {
            this.reader = reader;
        }

        @Override
        public boolean hasNext() {
            if (next == null && !ended) {
                next = read();
                ended |= next == null;
            }
            return next != null;
        }

        private TableRow read() {
            try {
                return reader.next();
            } catch (IOException e) {
                IOException told = TableText.told(e);
                if (told instanceof TableProblem problem) {
                    ended = true;
                    return TableRow.unusable(problem.getMessage());
                }
                throw new UncheckedIOException(told);
            }
        }

        @Override
        public Row next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            TableRow row = next;
            next = null;
            return row.toRow();
        }
    }
}
