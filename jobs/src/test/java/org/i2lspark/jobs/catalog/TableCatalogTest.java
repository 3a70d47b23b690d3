package org.i2lspark.jobs.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.zip.GZIPOutputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.EmbeddedSpark;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.Storage;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TableCatalogTest {
    private static SparkSession spark;

    @TempDir
    private Path folder;

    @BeforeAll
    static void start() {
        spark = EmbeddedSpark.start();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    @Test
    void quotesSeparatorsAndLineBreaksInACsvAreThoseOfRfc4180() throws IOException {
        Path csv =
                write("list.csv", "style_id,image\n\"Atelier \"\"Nord\"\", 2\",0.jpg\n\"two\nlines\",\"1, 2.jpg\"\n");
        assertThat(read(csv))
                .extracting(Style::id, TableCatalogTest::names)
                .containsExactlyInAnyOrder(
                        tuple("Atelier \"Nord\", 2", List.of("0.jpg")), tuple("two\nlines", List.of("1, 2.jpg")));
    }

    @ParameterizedTest
    @ValueSource(strings = {",", ";", "\t", "|"})
    void theSeparatorIsTheOneThatGivesTheColumns(String separator) throws IOException {
        String header = String.join(separator, "note", "\"Style_ID\"", " Image ", "Position");
        String first = String.join(separator, "\"a,b;c|d\te\"", "waves", "\"0,;|\t.jpg\"", "2");
        String second = String.join(separator, "", "waves", "1.jpg", "1");
        assertThat(read(write("list.csv", String.join("\n", header, first, second))))
                .extracting(Style::id, TableCatalogTest::names)
                .containsExactly(tuple("waves", List.of("1.jpg", "0,;|\t.jpg")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\n , \n"})
    void linesEndAsOnAnySystemAndMayBeEmpty(String end) throws IOException {
        assertThat(read(write("list.csv", String.join(end, "style_id,image", "a,0.jpg", "b,1.jpg", ""))))
                .extracting(Style::id, TableCatalogTest::names)
                .containsExactlyInAnyOrder(tuple("a", List.of("0.jpg")), tuple("b", List.of("1.jpg")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"list.csv", "list.tsv", "list.jsonl", "list.json"})
    void aTextMayBeCompressedAndBeginWithAByteOrderMark(String name) throws IOException {
        String rows = name.startsWith("list.j")
                ? "{\"style_id\": \"blå\", \"image\": \"0.jpg\"}\n"
                : "style_id\timage\nblå\t0.jpg\n";
        byte[] bytes = ("\uFEFF" + rows).getBytes(StandardCharsets.UTF_8);
        Path plain = Files.write(folder.resolve(name), bytes);
        Path compressed = folder.resolve(name.toUpperCase(Locale.ROOT) + ".gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(compressed))) {
            out.write(bytes);
        }
        assertThat(read(plain)).extracting(Style::id).containsExactly("blå");
        assertThat(read(compressed)).extracting(Style::id).containsExactly("blå");
        Path cut = Files.write(
                folder.resolve("cut.csv.gz"),
                Arrays.copyOf(Files.readAllBytes(compressed), (int) Files.size(compressed) - 9));
        assertRefused(cut, "its compressed data is damaged or cut off: Unexpected end of ZLIB input stream");
    }

    @ParameterizedTest
    @CsvSource({
        "UTF-16, UTF-16",
        "UTF-16LE, UTF-16LE",
        "UTF-16BE, UTF-16BE",
        "UTF-32, UTF-32BE",
        "UTF-32LE, UTF-32LE",
        "x-UTF-16LE-BOM, UTF-16",
        "X-UTF-32LE-BOM, UTF-32"
    })
    void otherUnicodeIsRefusedByItsName(String charset, String name) throws IOException {
        for (String text : List.of("style_id,image\na,0.jpg\n", "{\"style_id\": \"a\", \"image\": \"0.jpg\"}")) {
            Path table = folder.resolve(text.startsWith("{") ? "list.jsonl" : "list.csv");
            Files.write(table, text.getBytes(Charset.forName(charset)));
            assertRefused(
                    table, "it is %s; save it as UTF-8, or convert it: iconv -f %s -t UTF-8".formatted(name, name));
        }
    }

    @ParameterizedTest
    @CsvSource({"ISO-8859-1, 1", "windows-1252, 1", "Shift_JIS, 1", "windows-1252, 20000"})
    void whatIsNoUtf8IsRefusedWhereverItIs(String charset, int row) throws IOException {
        String rows = "a,0.jpg\n".repeat(row - 1) + "b,ÿ猫.jpg\n" + "c,0.jpg\n".repeat(3);
        byte[] csv = ("style_id,image\n" + rows).getBytes(Charset.forName(charset));
        csv[csv.length - 1] = charset.equals("Shift_JIS") ? (byte) 0x83 : csv[csv.length - 1];
        assertRefused(
                Files.write(folder.resolve("list.csv"), csv),
                "it is not UTF-8 throughout, perhaps Windows-1252 or Latin-1; save it as UTF-8, or convert it: iconv"
                        + " -f WINDOWS-1252 -t UTF-8");
    }

    @Test
    void whatIsNoTextIsRefusedByItsName() throws IOException {
        assertRefused(
                Files.write(folder.resolve("list.csv"), new byte[] {'P', 'K', 3, 4, 20, 0}),
                "it is a zip archive, perhaps a spreadsheet; save it as CSV in UTF-8");
        assertRefused(
                Files.write(folder.resolve("list.json"), new byte[] {'P', 'A', 'R', '1', 21, 4}),
                "it is Parquet; name it .parquet");
    }

    @Test
    void aBadRowIsNamedByItsLine() throws IOException {
        assertRefused(write("a.csv", "style_id,image\n\"x\ny\",0.jpg\n\n\"\",1.jpg\n"), "line 5 has no style_id");
        assertRefused(
                write("b.csv", "style_id,image\na,0.jpg\nb, \nc\n"), "line 3 has no image; 1 more rows cannot be used");
        assertRefused(
                write("c.csv", "style_id,image\na,0, 1.jpg\n"),
                "line 2 has 3 values for 2 columns; one that holds the separator needs quotes");
        assertRefused(
                write("d.csv", "style_id,image\na,0.jpg\nb,\"1.jpg\nc,2.jpg\n"),
                "line 3 has a quote that is not closed, or one that needs to be doubled");
        assertRefused(
                write("e.csv", "style_id,image\na,\"0\".jpg\n"),
                "line 2 has a quote that is not closed, or one that needs to be doubled");
        assertRefused(
                write(
                        "f.jsonl",
                        "{\"style_id\": \"a\", \"image\": \"0.jpg\"}\n{\"style_id\": null, \"image\": \"1.jpg\"}"),
                "line 2 has no style_id");
        assertRefused(
                write("g.jsonl", "{\"style_id\": \"a\",\n \"image\": {\"bytes\": \"\"}}"),
                "line 1: its image is an object (expected text)");
        assertRefused(
                write("h.json", "[\n{\"style_id\": \"a\", \"image\": \"0.jpg\"},\n\"b\"]"),
                "line 3 holds string (expected an object for each row)");
        assertRefused(
                write("i.json", "{\"style_id\": \"a\", \"image\": \"0.jpg\", \"image\": \"1.jpg\"}"),
                "line 1: Duplicate field 'image'");
        Path parquet = parquet("SELECT * FROM VALUES ('a', '0.jpg'), ('', '1.jpg') AS t(style_id, image)");
        assertThatThrownBy(() -> read(parquet))
                .isInstanceOf(UnusableException.class)
                .hasMessageMatching("Cannot read catalog .*: row 2 of part-.*\\.parquet has no style_id");
    }

    @Test
    void aColumnThatIsThereTwiceIsRefused() throws IOException {
        assertRefused(
                write("a.csv", "style_id,image,Style_Id \na,0.jpg,b\n"),
                "it has two columns style_id (found: style_id, image, Style_Id)");
        assertRefused(
                write("b.jsonl", "{\"style_id\": \"a\", \"image\": \"0.jpg\", \"IMAGE\": \"1.jpg\"}"),
                "line 1: it has two columns image (found: style_id, image, IMAGE)");
        assertThat(read(write("c.csv", ",style_id,image,tag,tag,\n0,a,0.jpg,x,y,\n")))
                .hasSize(1);
    }

    @Test
    void theNamesOfParquetsColumnsMayBeWrittenOtherwise() throws IOException {
        assertThat(read(parquet("SELECT 'a' AS `Style_ID `, '0.jpg' AS IMAGE, 7 AS `x.y`")))
                .extracting(Style::id)
                .containsExactly("a");
    }

    @Test
    void aJsonArrayIsATableToo() throws IOException {
        Path json = write(
                "list.json",
                "\n [{\"style_id\": \"a\", \"image\": \"0.jpg\"},\n {\"style_id\": \"b\", \"image\": \"1.jpg\"}]");
        assertThat(read(json)).extracting(Style::id).containsExactlyInAnyOrder("a", "b");
    }

    @Test
    void positionsAreNumbersHoweverTheyAreWritten() throws IOException {
        Path csv = write(
                "list.csv", "style_id,image,position\na,z.jpg,1.0\na,y.jpg,10\na,x.jpg,-2\na,w.jpg,\na,v.jpg,NaN\n");
        assertThat(read(csv))
                .singleElement()
                .satisfies(style -> assertThat(style.images())
                        .extracting(TableCatalogTest::name)
                        .containsExactly("v.jpg", "w.jpg", "x.jpg", "z.jpg", "y.jpg"));
    }

    @Test
    void theRowOfABadPositionIsNamedWithoutItsControlCharacters() throws IOException {
        Path csv = write("list.csv", "style_id,image,position\na,z.jpg,1\nb,y.jpg,first\u001b[31m\n");
        assertThatThrownBy(() -> read(csv))
                .isInstanceOf(UnusableException.class)
                .hasMessageEndingWith("line 3 has position 'first\uFFFD[31m' (expected a number)");
    }

    @Test
    void aJsonIdIsTextAsAPersonWouldWriteIt() throws IOException {
        Path json = write(
                "list.jsonl",
                "1 1.0 12345678901234567890 1.5 true \"007\" 1e3"
                        .replaceAll("(\\S+) ?", "{\"style_id\": $1, \"image\": \"0.jpg\"}\n"));
        assertThat(read(json))
                .extracting(Style::id)
                .containsExactlyInAnyOrder("1", "12345678901234567890", "1.5", "true", "007", "1000");
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "1L", "1.0D", "float(1)", "decimal(1)", "'1'"})
    void anIdIsTextAsAPersonWouldWriteIt(String id) throws IOException {
        Path parquet = parquet("SELECT " + id + " AS style_id, '0.jpg' AS image");
        assertThat(read(parquet)).extracting(Style::id).containsExactly("1");
    }

    @ParameterizedTest
    @CsvSource({"true, true", "date_from_unix_date(20484), 2026-01-31", "1.5D, 1.5"})
    void anIdOfAnotherTypeIsItsPlainText(String id, String text) throws IOException {
        assertThat(read(parquet("SELECT " + id + " AS style_id, '0.jpg' AS image")))
                .extracting(Style::id)
                .containsExactly(text);
    }

    @ParameterizedTest
    @ValueSource(strings = {"named_struct('bytes', 'FFD8', 'path', 'a.jpg')", "array('a.jpg')", "map('a', X'FFD8')"})
    void aColumnThatIsNoTextIsRefused(String image) {
        Path parquet = parquet("SELECT 'a' AS style_id, " + image + " AS image");
        assertThatThrownBy(() -> read(parquet))
                .isInstanceOf(UnusableException.class)
                .hasMessageContaining("its column image is")
                .hasMessageEndingWith("(expected text, or bytes of image files)");
    }

    @Test
    void foldersNamedByTheirStyleAreATable() throws IOException {
        Path table = folder.resolve("table");
        rows("SELECT * FROM VALUES ('007', '0.jpg'), ('s1', '1.jpg') AS t(style_id, image)")
                .write()
                .partitionBy("style_id")
                .parquet(table.toString());
        assertThat(read(table))
                .extracting(Style::id, Style::images)
                .containsExactlyInAnyOrder(
                        tuple("007", List.of("file:" + table.resolve("0.jpg"))),
                        tuple("s1", List.of("file:" + table.resolve("1.jpg"))));
    }

    @Test
    void relativeImagesCountFromTheTablesFolderWhateverItsName() throws IOException {
        Path parquet = folder.resolve("a [b] {c}%20#?*").resolve("list.parquet");
        rows("SELECT 'a' AS style_id, 'images/0.jpg' AS image").write().parquet(parquet.toString());
        assertThat(read(parquet))
                .extracting(Style::id, Style::images)
                .containsExactly(tuple("a", List.of("file:" + parquet.resolveSibling("images/0.jpg"))));
    }

    @Test
    void aFolderIsATableThoughOtherFilesLieBesideItsParquet() throws IOException {
        Path table = folder.resolve("table");
        rows("SELECT 'a' AS style_id, '0.jpg' AS image").write().parquet(table.toString());
        Files.writeString(table.resolve("README.md"), "where it is from");
        assertThat(read(table)).extracting(Style::id).containsExactly("a");
    }

    @Test
    void relativeImagesCountFromTheTablesFolderHoweverItIsGiven() throws IOException {
        write("list.csv", "style_id,image\na,images/0.jpg\n");
        Path link = Files.createSymbolicLink(folder.resolve("link"), folder);
        String here = Path.of("").toAbsolutePath().relativize(folder.toRealPath()) + "/list.csv";
        for (String given :
                List.of(here, "file:" + folder + "/list.csv", "file://" + folder + "/list.csv", link + "/list.csv")) {
            assertThat(read(given))
                    .as(given)
                    .flatExtracting(Style::images)
                    .singleElement(STRING)
                    .startsWith("file:/")
                    .endsWith("/images/0.jpg");
        }
    }

    private static void assertRefused(Path table, String reason) {
        assertThatThrownBy(() -> read(table))
                .isInstanceOf(UnusableException.class)
                .hasMessage("Cannot read catalog %s: %s".formatted(table, reason));
    }

    private Path write(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text, StandardCharsets.UTF_8);
    }

    private Path parquet(String query) {
        Path file = folder.resolve("list.parquet");
        rows(query).write().parquet(file.toString());
        return file;
    }

    private static Dataset<Row> rows(String query) {
        return spark.sql(query).coalesce(1);
    }

    private static String name(String uri) {
        return uri.substring(uri.lastIndexOf('/') + 1);
    }

    private static List<String> names(Style style) {
        return style.images().stream().map(TableCatalogTest::name).toList();
    }

    private static List<Style> read(Path table) throws IOException {
        return read(table.toString());
    }

    private static List<Style> read(String table) throws IOException {
        Catalog catalog = Catalog.read(spark, new Storage(new Configuration()), table);
        try {
            return catalog.styles().collect();
        } finally {
            catalog.close();
        }
    }
}
