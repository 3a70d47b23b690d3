package org.i2lspark.jobs.catalog;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.storage.Retries;
import org.i2lspark.jobs.storage.Storage;

/** The text of a table: UTF-8 and nothing else, perhaps compressed by gzip. */
final class TableText {
    private static final int START = 4;
    private static final int BUFFER_BYTES = 1 << 16;
    private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};

    private TableText() {}

    /**
     * Opens a text. Its reader fails on what is no UTF-8, see {@link #told}.
     *
     * @throws TableProblem if it begins as no text does
     */
    static Reader open(Storage storage, Path path) throws IOException {
        InputStream in = new BufferedInputStream(
                Retries.run(() -> storage.fileSystem(path).open(path)), BUFFER_BYTES);
        try {
            return decoded(in);
        } catch (IOException e) {
            in.close();
            throw e;
        }
    }

    private static Reader decoded(InputStream stored) throws IOException {
        InputStream in = stored;
        byte[] start = start(in);
        if (begins(start, 0x1F, 0x8B)) {
            in = new BufferedInputStream(new GZIPInputStream(in, BUFFER_BYTES), BUFFER_BYTES);
            start = start(in);
        }
        if (begins(start, 'P', 'K', 3, 4)) {
            throw new TableProblem("it is a zip archive, perhaps a spreadsheet; save it as CSV in UTF-8");
        }
        if (begins(start, 'P', 'A', 'R', '1')) {
            throw new TableProblem("it is Parquet; name it .parquet");
        }
        String encoding = otherEncoding(start);
        if (encoding != null) {
            throw new TableProblem(
                    "it is %s; save it as UTF-8, or convert it: iconv -f %s -t UTF-8".formatted(encoding, encoding));
        }
        if (begins(start, 0xEF, 0xBB, 0xBF)) {
            in.skipNBytes(BYTE_ORDER_MARK.length);
        }
        return new InputStreamReader(
                in,
                StandardCharsets.UTF_8
                        .newDecoder()
                        .onMalformedInput(CodingErrorAction.REPORT)
                        .onUnmappableCharacter(CodingErrorAction.REPORT));
    }

    /** What a problem of reading says of the table; the same problem where it says something of the store. */
    static IOException told(IOException problem) {
        if (problem instanceof CharacterCodingException) {
            return new TableProblem(
                    "it is not UTF-8 throughout, perhaps Windows-1252 or Latin-1; save it as UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8");
        }
        if (problem instanceof EOFException || problem instanceof ZipException) {
            return new TableProblem("its compressed data is damaged or cut off: " + problem.getMessage());
        }
        return problem;
    }

    private static byte[] start(InputStream in) throws IOException {
        in.mark(START);
        byte[] start = in.readNBytes(START);
        in.reset();
        return start;
    }

    private static boolean begins(byte[] start, int... expected) {
        for (int i = 0; i < expected.length; i++) {
            if (i >= start.length || (start[i] & 0xFF) != expected[i]) {
                return false;
            }
        }
        return true;
    }

    /** By its mark, or, as a table begins with plain letters, by where the zeros are. */
    private static String otherEncoding(byte[] start) {
        if (begins(start, 0xFF, 0xFE, 0, 0) || begins(start, 0, 0, 0xFE, 0xFF)) {
            return "UTF-32";
        }
        if (begins(start, 0xFF, 0xFE) || begins(start, 0xFE, 0xFF)) {
            return "UTF-16";
        }
        if (start.length < START) {
            return null;
        }
        int zeros = 0;
        for (byte value : start) {
            zeros = zeros << 1 | (value == 0 ? 1 : 0);
        }
        return switch (zeros) {
            case 0b1010 -> "UTF-16BE";
            case 0b0101 -> "UTF-16LE";
            case 0b1110 -> "UTF-32BE";
            case 0b0111 -> "UTF-32LE";
            default -> null;
        };
    }
}
