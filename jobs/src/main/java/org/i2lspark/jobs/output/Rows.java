package org.i2lspark.jobs.output;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.parquet.column.ColumnDescriptor;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;

/** Rows of one manifest table that become one Parquet file: each is encoded as it comes, and only the encoded is held. */
public final class Rows {
    /** What is held of rows that are not yet compressed. */
    private static final long ROW_GROUP_BYTES = 8 << 20;

    private final ManifestTable table;
    private final InMemoryOutputFile file = new InMemoryOutputFile();
    private final ParquetWriter<Row> writer;

    public Rows(ManifestTable table) {
        this.table = table;
        try {
            RowWriteSupport.Builder builder = new RowWriteSupport.Builder(file, table.schema())
                    .withConf(new PlainParquetConfiguration())
                    .withCompressionCodec(CompressionCodecName.ZSTD)
                    .withRowGroupSize(ROW_GROUP_BYTES);
            for (ColumnDescriptor column : table.schema().getColumns()) {
                if (column.getPrimitiveType().getPrimitiveTypeName() == PrimitiveTypeName.FLOAT) {
                    // hardly two values of an embedding are equal, and looking for them took three quarters of the time
                    builder.withDictionaryEncoding(String.join(".", column.getPath()), false);
                }
            }
            this.writer = builder.build();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Adds a row; the consumer sets its columns. */
    public void add(Consumer<Row> columns) {
        Row row = new Row();
        columns.accept(row);
        try {
            writer.write(row);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The table's name. */
    public String name() {
        return table.id();
    }

    /** The rows as a Parquet file; no more can be added. */
    public byte[] toParquet() throws IOException {
        writer.close();
        return file.bytes();
    }

    /** A row being filled; a null leaves the column null. */
    public static final class Row {
        private final Map<String, Object> values = new HashMap<>();

        private Row() {}

        Object value(String column) {
            return values.get(column);
        }

        private Row set(String column, Object value) {
            values.put(column, value);
            return this;
        }

        public Row text(String column, String value) {
            return set(column, value);
        }

        public Row integer(String column, Integer value) {
            return set(column, value);
        }

        public Row number(String column, Long value) {
            return set(column, value);
        }

        public Row decimal(String column, Double value) {
            return set(column, value);
        }

        public Row time(String column, Instant value) {
            return set(column, ChronoUnit.MICROS.between(Instant.EPOCH, value));
        }

        public Row texts(String column, List<String> values) {
            return set(column, values);
        }

        public Row floats(String column, float[] values) {
            return set(column, values);
        }

        public Row textMap(String column, Map<String, String> values) {
            return set(column, values);
        }

        public Row decimalMap(String column, Map<String, Double> values) {
            return set(column, values);
        }
    }
}
