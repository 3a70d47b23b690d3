package org.i2lspark.jobs.output;

import java.io.IOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroup;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;

/** Rows of one manifest table that become one Parquet file. */
public final class Rows {
    private final ManifestTable table;
    private final List<Group> rows = new ArrayList<>();

    public Rows(ManifestTable table) {
        this.table = table;
    }

    /** Adds a row; the consumer sets its columns. */
    public void add(Consumer<Row> columns) {
        Group group = new SimpleGroup(table.schema());
        columns.accept(new Row(group));
        rows.add(group);
    }

    /** The table's name. */
    public String name() {
        return table.id();
    }

    /** The rows as a Parquet file. */
    public byte[] toParquet() throws IOException {
        InMemoryOutputFile file = new InMemoryOutputFile();
        try (ParquetWriter<Group> writer = ExampleParquetWriter.builder(file)
                .withConf(new PlainParquetConfiguration())
                .withType(table.schema())
                .withCompressionCodec(CompressionCodecName.ZSTD)
                .build()) {
            for (Group row : rows) {
                writer.write(row);
            }
        }
        return file.bytes();
    }

    /** A row being filled; a null leaves the column null. */
    public static final class Row {
        private final Group group;

        private Row(Group group) {
            this.group = group;
        }

        public Row text(String column, String value) {
            if (value != null) {
                group.add(column, value);
            }
            return this;
        }

        public Row integer(String column, Integer value) {
            if (value != null) {
                group.add(column, value.intValue());
            }
            return this;
        }

        public Row number(String column, Long value) {
            if (value != null) {
                group.add(column, value.longValue());
            }
            return this;
        }

        public Row decimal(String column, Double value) {
            if (value != null) {
                group.add(column, value.doubleValue());
            }
            return this;
        }

        public Row time(String column, Instant value) {
            group.add(column, ChronoUnit.MICROS.between(Instant.EPOCH, value));
            return this;
        }

        public Row texts(String column, List<String> values) {
            Group list = group.addGroup(column);
            values.forEach(value -> list.addGroup("list").add("element", value));
            return this;
        }

        public Row floats(String column, float[] values) {
            if (values != null) {
                Group list = group.addGroup(column);
                for (float value : values) {
                    list.addGroup("list").add("element", value);
                }
            }
            return this;
        }

        public Row textMap(String column, Map<String, String> values) {
            Group map = group.addGroup(column);
            values.forEach(
                    (key, value) -> map.addGroup("key_value").append("key", key).append("value", value));
            return this;
        }

        public Row decimalMap(String column, Map<String, Double> values) {
            if (values != null) {
                Group map = group.addGroup(column);
                values.forEach((key, value) ->
                        map.addGroup("key_value").append("key", key).append("value", value));
            }
            return this;
        }
    }
}
