package org.i2lspark.jobs.storage;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.zip.CRC32;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.column.ColumnDescriptor;
import org.apache.parquet.column.Encoding;
import org.apache.parquet.column.page.DataPage;
import org.apache.parquet.column.page.DataPageV1;
import org.apache.parquet.column.page.DataPageV2;
import org.apache.parquet.column.page.DictionaryPage;
import org.apache.parquet.column.page.PageReader;
import org.apache.parquet.compression.CompressionCodecFactory.BytesInputDecompressor;
import org.apache.parquet.format.DataPageHeader;
import org.apache.parquet.format.DataPageHeaderV2;
import org.apache.parquet.format.PageHeader;
import org.apache.parquet.format.PageLocation;
import org.apache.parquet.format.PageType;
import org.apache.parquet.format.Util;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.internal.hadoop.metadata.IndexReference;

/**
 * The pages of one column in one row group, from the page on that holds a row: no other is read, and one at a time is in
 * memory. What fails is thrown as an {@link UncheckedIOException}.
 */
final class ParquetPages implements PageReader {
    private static final int USUAL_HEADER_BYTES = 1 << 10;
    private static final int MAX_HEADER_BYTES = 1 << 24;

    private final FileRanges file;
    private final ColumnChunkMetaData chunk;
    private final ColumnDescriptor column;
    private final BytesInputDecompressor decompressor;
    private final long end;
    private final DictionaryPage dictionary;
    private long position;

    ParquetPages(
            FileRanges file, ColumnChunkMetaData chunk, ColumnDescriptor column, BytesInputDecompressor decompressor)
            throws IOException {
        this.file = file;
        this.chunk = chunk;
        this.column = column;
        this.decompressor = decompressor;
        this.position = chunk.getStartingPos();
        this.end = position + chunk.getTotalSize();
        Stored first = pageAt(position);
        boolean hasDictionary = first.header.getType() == PageType.DICTIONARY_PAGE;
        this.dictionary = hasDictionary ? dictionary(first) : null;
        if (hasDictionary) {
            position = first.end();
        }
    }

    /** A page as it lies in the file. */
    private record Stored(PageHeader header, long position) {
        long end() {
            return position + header.getCompressed_page_size();
        }
    }

    /**
     * Goes to the page that holds a row, or as near before it as headers tell.
     *
     * @param row in the row group, from 0 on
     * @return the first row of that page
     */
    long goTo(long row) throws IOException {
        IndexReference index = chunk.getOffsetIndexReference();
        return index == null ? walkTo(row) : jumpTo(row, index);
    }

    private long jumpTo(long row, IndexReference index) throws IOException {
        byte[] stored = file.read(index.getOffset(), index.getLength());
        PageLocation found = null;
        for (PageLocation page : parsed(index.getOffset(), () -> Util.readOffsetIndex(new ByteArrayInputStream(stored)))
                .getPage_locations()) {
            if (page.getFirst_row_index() <= row) {
                found = page;
            }
        }
        if (found == null) {
            throw FileRanges.damaged(index.getOffset(), "its page index is empty");
        }
        position = found.getOffset();
        return found.getFirst_row_index();
    }

    private long walkTo(long row) throws IOException {
        long first = 0;
        while (position < end) {
            Stored page = pageAt(position);
            long rows = rows(page.header);
            if (first + rows > row) {
                return first;
            }
            first += rows;
            position = page.end();
        }
        throw FileRanges.damaged(end, "its column ends before the row");
    }

    /** Where the header does not tell the rows of a page, it may hold any. */
    private long rows(PageHeader header) {
        if (header.getType() == PageType.DATA_PAGE_V2) {
            return header.getData_page_header_v2().getNum_rows();
        }
        return column.getMaxRepetitionLevel() == 0 ? values(header) : Integer.MAX_VALUE;
    }

    /** Some writers make pages without any. */
    private static int values(PageHeader header) {
        return switch (header.getType()) {
            case DATA_PAGE -> header.getData_page_header().getNum_values();
            case DATA_PAGE_V2 -> header.getData_page_header_v2().getNum_values();
            case INDEX_PAGE, DICTIONARY_PAGE -> 0;
        };
    }

    private Stored pageAt(long start) throws IOException {
        for (long guess = USUAL_HEADER_BYTES; ; guess *= 16) {
            byte[] bytes = file.read(start, Math.min(guess, end - start));
            ByteArrayInputStream in = new ByteArrayInputStream(bytes);
            try {
                PageHeader header = parsed(start, () -> Util.readPageHeader(in));
                Stored page = new Stored(header, start + bytes.length - in.available());
                if (header.getCompressed_page_size() < 0 || page.end() > end) {
                    throw FileRanges.damaged(start, "a page is larger than its column");
                }
                return page;
            } catch (IOException e) {
                if (in.available() > 0 || bytes.length < guess || guess >= MAX_HEADER_BYTES) {
                    throw e;
                }
            }
        }
    }

    private static <T> T parsed(long position, Retries.Action<T> parser) throws IOException {
        try {
            return parser.run();
        } catch (IOException | RuntimeException e) {
            throw FileRanges.damaged(position, e);
        }
    }

    private byte[] content(Stored page) throws IOException {
        byte[] stored = file.read(page.position, page.header.getCompressed_page_size());
        if (page.header.isSetCrc()) {
            CRC32 crc = new CRC32();
            crc.update(stored);
            if ((int) crc.getValue() != page.header.getCrc()) {
                throw FileRanges.damaged(page.position, "a page does not have its checksum");
            }
        }
        return stored;
    }

    private BytesInput decompressed(Stored page, BytesInput stored, int size) throws IOException {
        return parsed(page.position, () -> decompressor.decompress(stored, size));
    }

    private DictionaryPage dictionary(Stored page) throws IOException {
        int size = page.header.getUncompressed_page_size();
        BytesInput values = decompressed(page, BytesInput.from(content(page)), size);
        return new DictionaryPage(
                values,
                page.header.getDictionary_page_header().getNum_values(),
                encoding(page.header.getDictionary_page_header().getEncoding()));
    }

    private DataPage data(Stored page) throws IOException {
        return page.header.getType() == PageType.DATA_PAGE ? version1(page) : version2(page);
    }

    private DataPage version1(Stored page) throws IOException {
        DataPageHeader header = page.header.getData_page_header();
        int size = page.header.getUncompressed_page_size();
        return new DataPageV1(
                decompressed(page, BytesInput.from(content(page)), size),
                header.getNum_values(),
                size,
                null,
                encoding(header.getRepetition_level_encoding()),
                encoding(header.getDefinition_level_encoding()),
                encoding(header.getEncoding()));
    }

    /** Its levels are never compressed, its values may be. */
    private DataPage version2(Stored page) throws IOException {
        DataPageHeaderV2 header = page.header.getData_page_header_v2();
        int repetitions = header.getRepetition_levels_byte_length();
        int levels = repetitions + header.getDefinition_levels_byte_length();
        byte[] stored = content(page);
        if (repetitions < 0 || levels < repetitions || levels > stored.length) {
            throw FileRanges.damaged(page.position, "a page is smaller than its levels");
        }
        BytesInput values = BytesInput.from(stored, levels, stored.length - levels);
        int size = page.header.getUncompressed_page_size() - levels;
        boolean compressed = header.isIs_compressed() && size > 0;
        return DataPageV2.uncompressed(
                header.getNum_rows(),
                header.getNum_nulls(),
                header.getNum_values(),
                BytesInput.from(stored, 0, repetitions),
                BytesInput.from(stored, repetitions, levels - repetitions),
                encoding(header.getEncoding()),
                compressed ? decompressed(page, values, size) : values,
                null);
    }

    private static Encoding encoding(org.apache.parquet.format.Encoding encoding) {
        return Encoding.valueOf(encoding.name());
    }

    @Override
    public DictionaryPage readDictionaryPage() {
        return dictionary;
    }

    @Override
    public long getTotalValueCount() {
        return chunk.getValueCount();
    }

    @Override
    public DataPage readPage() {
        try {
            Stored page = pageAt(position);
            while (values(page.header) == 0) {
                page = pageAt(page.end());
            }
            position = page.end();
            return data(page);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
