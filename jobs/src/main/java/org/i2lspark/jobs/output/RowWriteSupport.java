package org.i2lspark.jobs.output;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.conf.ParquetConfiguration;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.api.WriteSupport;
import org.apache.parquet.io.OutputFile;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.io.api.RecordConsumer;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;
import org.apache.parquet.schema.Type.Repetition;
import org.i2lspark.jobs.output.Rows.Row;

/** Encodes rows: text, numbers, lists of text or floats, and maps of text to either, by the type of the value. */
final class RowWriteSupport extends WriteSupport<Row> {
    private final MessageType schema;
    private RecordConsumer consumer;

    private RowWriteSupport(MessageType schema) {
        this.schema = schema;
    }

    static final class Builder extends ParquetWriter.Builder<Row, Builder> {
        private final MessageType schema;

        Builder(OutputFile file, MessageType schema) {
            super(file);
            this.schema = schema;
        }

        @Override
        protected Builder self() {
            return this;
        }

        @Override
        @Deprecated
        protected WriteSupport<Row> getWriteSupport(Configuration configuration) {
            return new RowWriteSupport(schema);
        }

        @Override
        protected WriteSupport<Row> getWriteSupport(ParquetConfiguration configuration) {
            return new RowWriteSupport(schema);
        }
    }

    @Override
    @Deprecated
    public WriteContext init(Configuration configuration) {
        return new WriteContext(schema, Map.of());
    }

    @Override
    public WriteContext init(ParquetConfiguration configuration) {
        return new WriteContext(schema, Map.of());
    }

    @Override
    public void prepareForWrite(RecordConsumer recordConsumer) {
        this.consumer = recordConsumer;
    }

    @Override
    public void write(Row row) {
        consumer.startMessage();
        for (int i = 0; i < schema.getFieldCount(); i++) {
            Type column = schema.getType(i);
            Object value = row.value(column.getName());
            if (value != null) {
                field(column.getName(), i, () -> writeValue(value));
            } else if (column.isRepetition(Repetition.REQUIRED)) {
                throw new IllegalStateException(
                        "Cannot write a row of %s without %s".formatted(schema.getName(), column.getName()));
            }
        }
        consumer.endMessage();
    }

    private void field(String name, int index, Runnable value) {
        consumer.startField(name, index);
        value.run();
        consumer.endField(name, index);
    }

    private void writeValue(Object value) {
        if (value instanceof String text) {
            consumer.addBinary(Binary.fromString(text));
        } else if (value instanceof Integer number) {
            consumer.addInteger(number);
        } else if (value instanceof Long number) {
            consumer.addLong(number);
        } else if (value instanceof Double number) {
            consumer.addDouble(number);
        } else if (value instanceof float[] floats) {
            writeFloats(floats);
        } else if (value instanceof List<?> list) {
            repeat("list", list, element -> field("element", 0, () -> writeValue(element)));
        } else if (value instanceof Map<?, ?> map) {
            repeat("key_value", map.entrySet(), entry -> {
                field("key", 0, () -> writeValue(entry.getKey()));
                field("value", 1, () -> writeValue(entry.getValue()));
            });
        } else {
            throw new IllegalArgumentException("Invalid value: " + value.getClass());
        }
    }

    /** An embedding has thousands; none of them becomes an object. */
    private void writeFloats(float[] floats) {
        consumer.startGroup();
        if (floats.length > 0) {
            consumer.startField("list", 0);
            for (float value : floats) {
                consumer.startGroup();
                consumer.startField("element", 0);
                consumer.addFloat(value);
                consumer.endField("element", 0);
                consumer.endGroup();
            }
            consumer.endField("list", 0);
        }
        consumer.endGroup();
    }

    private <T> void repeat(String name, Iterable<T> elements, Consumer<T> content) {
        consumer.startGroup();
        if (elements.iterator().hasNext()) {
            field(
                    name,
                    0,
                    () -> elements.forEach(element -> {
                        consumer.startGroup();
                        content.accept(element);
                        consumer.endGroup();
                    }));
        }
        consumer.endGroup();
    }
}
