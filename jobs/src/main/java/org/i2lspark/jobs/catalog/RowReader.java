package org.i2lspark.jobs.catalog;

import java.io.Closeable;
import java.io.IOException;

/** Reads the rows of a table, one after the other. */
interface RowReader extends Closeable {
    /** The next row; null after the last. */
    TableRow next() throws IOException;
}
