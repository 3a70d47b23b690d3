package org.i2lspark.jobs.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
    void quotesCommasAndLineBreaksInACsvAreThoseOfRfc4180() throws IOException {
        Path csv = write("list.csv", "style_id,image\n\"Atelier \"\"Nord\"\", 2\",0.jpg\n\"two\nlines\",1.jpg\n");
        assertThat(read(csv)).extracting(Style::id).containsExactlyInAnyOrder("Atelier \"Nord\", 2", "two\nlines");
    }

    @ParameterizedTest
    @ValueSource(strings = {"UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32"})
    void otherEncodingsAreRefusedInOneLine(String charset) throws IOException {
        Path csv = folder.resolve("list.csv");
        Files.write(csv, "style_id,image\na,0.jpg\n".getBytes(Charset.forName(charset)));
        assertThatThrownBy(() -> read(csv))
                .isInstanceOf(UnusableException.class)
                .hasMessageEndingWith("it is UTF-16 or UTF-32 (expected UTF-8)");
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
        Path csv = write("list.csv", "style_id,image,position\na,z.jpg,1.0\na,y.jpg,10\na,x.jpg,-2\na,w.jpg,\n");
        assertThat(read(csv))
                .singleElement()
                .satisfies(style -> assertThat(style.images())
                        .extracting(TableCatalogTest::name)
                        .containsExactly("w.jpg", "x.jpg", "z.jpg", "y.jpg"));
    }

    @Test
    void theRowOfABadPositionIsNamedWithoutItsControlCharacters() throws IOException {
        Path csv = write("list.csv", "style_id,image,position\na,z.jpg,1\nb,\u001b[31my.jpg,first\n");
        assertThatThrownBy(() -> read(csv))
                .isInstanceOf(UnusableException.class)
                .hasMessageEndingWith("style 'b', image '\uFFFD[31my.jpg' has position 'first' (expected a number)");
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "1L", "1.0D", "float(1)", "decimal(1)", "'1'"})
    void anIdIsTextAsAPersonWouldWriteIt(String id) throws IOException {
        Path parquet = parquet("SELECT " + id + " AS style_id, '0.jpg' AS image");
        assertThat(read(parquet)).extracting(Style::id).containsExactly("1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"X'FFD8'", "named_struct('bytes', X'FFD8', 'path', 'a.jpg')", "array('a.jpg')"})
    void aColumnThatIsNoTextIsRefused(String image) {
        Path parquet = parquet("SELECT 'a' AS style_id, " + image + " AS image");
        assertThatThrownBy(() -> read(parquet))
                .isInstanceOf(UnusableException.class)
                .hasMessageContaining("its column image is")
                .hasMessageEndingWith("(expected text)");
    }

    @Test
    void foldersNamedByTheirStyleAreATable() throws IOException {
        Path table = folder.resolve("table");
        rows("SELECT * FROM VALUES ('007', '0.jpg'), ('s1', '1.jpg') AS t(style_id, image)")
                .write()
                .partitionBy("style_id")
                .parquet(table.toString());
        assertThat(read(table)).extracting(Style::id).containsExactlyInAnyOrder("007", "s1");
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

    private static List<Style> read(Path table) throws IOException {
        Catalog catalog = Catalog.read(spark, new Storage(new Configuration()), table.toString());
        try {
            return catalog.styles().collect();
        } finally {
            catalog.close();
        }
    }
}
