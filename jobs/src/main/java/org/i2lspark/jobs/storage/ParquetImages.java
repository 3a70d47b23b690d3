package org.i2lspark.jobs.storage;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.column.ColumnDescriptor;
import org.apache.parquet.column.impl.ColumnReaderImpl;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.format.Util;
import org.apache.parquet.format.converter.ParquetMetadataConverter;
import org.apache.parquet.hadoop.CodecFactory;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.metadata.ColumnPath;
import org.apache.parquet.hadoop.metadata.ParquetMetadata;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.io.api.PrimitiveConverter;
import org.i2lspark.jobs.storage.ImageSource.TooManyBytesException;
import org.i2lspark.jobs.storage.Retries.LastingException;

/**
 * What the column {@code image} of Parquet files holds in a row: bytes, or a struct of {@code bytes} and {@code path}, or a
 * list of either. Of a file, the footer and the pages of that row are read.
 */
final class ParquetImages {
    private static final String COLUMN = "image";
    private static final String BYTES = "bytes";
    private static final String PATH = "path";
    private static final byte[] MAGIC = {'P', 'A', 'R', '1'};
    private static final int TAIL_BYTES = Integer.BYTES + MAGIC.length;
    private static final int MAX_FOOTERS = 16;

    private final Storage storage;
    private final long maxBytes;
    private final Map<String, ParquetMetadata> footers = new LinkedHashMap<>(MAX_FOOTERS, 0.75f, true);

    ParquetImages(Storage storage, long maxBytes) {
        this.storage = storage;
        this.maxBytes = maxBytes;
    }

    /**
     * What a row holds.
     *
     * @param bytes of the image file; null when they lie at the path
     * @param path as the row has it; null when there are bytes
     */
    record Value(byte[] bytes, String path) {}

    /**
     * Reads an image.
     *
     * @throws TooManyBytesException if it is too large
     * @throws LastingException if the row holds none, or if the file is damaged there
     */
    Value read(RowImage image) throws IOException {
        return Retries.run(() -> {
            try (SeekableByteChannel channel = storage.open(new Path(image.file()))) {
                return read(image, new FileRanges(channel));
            } catch (UncheckedIOException e) {
                throw e.getCause();
            }
        });
    }

    private Value read(RowImage image, FileRanges file) throws IOException {
        ParquetMetadata footer = footer(image.file(), file);
        List<ColumnDescriptor> columns = footer.getFileMetaData().getSchema().getColumns().stream()
                .filter(column -> isNamed(column.getPath()[0], COLUMN))
                .toList();
        Optional<ColumnDescriptor> bytesColumn =
                columns.size() == 1 ? Optional.of(columns.get(0)) : named(columns, BYTES);
        if (bytesColumn.isEmpty()) {
            throw new LastingException("Cannot read image: the file has no column image that holds bytes");
        }
        Place place = place(footer, image);
        Binary bytes = value(file, place, bytesColumn.get());
        if (bytes != null) {
            return new Value(withinLimit(bytes), null);
        }
        Optional<ColumnDescriptor> pathColumn = named(columns, PATH);
        Binary path = pathColumn.isPresent() ? value(file, place, pathColumn.get()) : null;
        if (path == null || path.toStringUsingUTF8().isBlank()) {
            throw new LastingException(
                    pathColumn.isPresent()
                            ? "Cannot read image: the row has neither bytes nor a path"
                            : "Cannot read image: the row has no bytes");
        }
        return new Value(null, path.toStringUsingUTF8());
    }

    private byte[] withinLimit(Binary bytes) throws TooManyBytesException {
        if (bytes.length() > maxBytes) {
            throw ImageSource.tooManyBytes(maxBytes);
        }
        return bytes.getBytes();
    }

    private static boolean isNamed(String column, String name) {
        return column.strip().equalsIgnoreCase(name);
    }

    private static Optional<ColumnDescriptor> named(List<ColumnDescriptor> columns, String name) {
        return columns.stream()
                .filter(column -> isNamed(column.getPath()[column.getPath().length - 1], name))
                .findFirst();
    }

    private ParquetMetadata footer(String name, FileRanges file) throws IOException {
        String key = name + " " + file.size();
        synchronized (footers) {
            ParquetMetadata known = footers.get(key);
            if (known != null) {
                return known;
            }
        }
        ParquetMetadata read = readFooter(file);
        synchronized (footers) {
            footers.put(key, read);
            if (footers.size() > MAX_FOOTERS) {
                footers.remove(footers.keySet().iterator().next());
            }
        }
        return read;
    }

    private static ParquetMetadata readFooter(FileRanges file) throws IOException {
        long tail = file.size() - TAIL_BYTES;
        ByteBuffer end = ByteBuffer.wrap(file.read(tail, TAIL_BYTES)).order(ByteOrder.LITTLE_ENDIAN);
        int length = end.getInt();
        if (!end.equals(ByteBuffer.wrap(MAGIC))) {
            throw FileRanges.damaged(tail, "it is no Parquet file, or one that is cut off");
        }
        byte[] footer = file.read(tail - length, length);
        try {
            return new ParquetMetadataConverter()
                    .fromParquetMetadata(Util.readFileMetaData(new ByteArrayInputStream(footer)));
        } catch (IOException | RuntimeException e) {
            throw FileRanges.damaged(tail - length, e);
        }
    }

    /** A row's place in a file; rows count from 0 on in their group, items from 1 on in their row. */
    private record Place(BlockMetaData group, long row, int item) {}

    private static Place place(ParquetMetadata footer, RowImage image) throws LastingException {
        long row = image.row() - 1;
        for (BlockMetaData group : footer.getBlocks()) {
            if (row < group.getRowCount()) {
                return new Place(group, row, Math.max(1, image.item()));
            }
            row -= group.getRowCount();
        }
        throw new LastingException("Cannot read image: the file has no such row, has it changed?");
    }

    /** A column's value; null when there is none. */
    private static Binary value(FileRanges file, Place place, ColumnDescriptor column) throws IOException {
        ColumnPath path = ColumnPath.get(column.getPath());
        ColumnChunkMetaData chunk = place.group.getColumns().stream()
                .filter(candidate -> candidate.getPath().equals(path))
                .findFirst()
                .orElseThrow(() -> new LastingException("Cannot read image: the row group has no column " + path));
        CodecFactory codecs = new CodecFactory(new PlainParquetConfiguration(), 0);
        try {
            return value(
                    new ParquetPages(file, chunk, column, codecs.getDecompressor(chunk.getCodec())), place, column);
        } catch (UncheckedIOException e) {
            throw e;
        } catch (RuntimeException e) {
            throw FileRanges.damaged(chunk.getStartingPos(), e);
        } finally {
            codecs.release();
        }
    }

    private static Binary value(ParquetPages pages, Place place, ColumnDescriptor column) throws IOException {
        long row = pages.goTo(place.row);
        ColumnReaderImpl reader = new ColumnReaderImpl(column, pages, new PrimitiveConverter() {}, null);
        while (row < place.row) {
            next(reader);
            if (reader.getCurrentRepetitionLevel() == 0) {
                row++;
            }
        }
        for (int item = 1; item < place.item; item++) {
            next(reader);
            if (reader.getCurrentRepetitionLevel() == 0) {
                return null;
            }
        }
        return isThere(reader) ? reader.getBinary() : null;
    }

    private static void next(ColumnReaderImpl reader) {
        if (isThere(reader)) {
            reader.skip();
        }
        reader.consume();
    }

    private static boolean isThere(ColumnReaderImpl reader) {
        return reader.getCurrentDefinitionLevel() == reader.getDescriptor().getMaxDefinitionLevel();
    }
}
