package org.i2lspark.jobs.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.sql.DataFrameWriter;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.EmbeddedSpark;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.CatalogPlace;
import org.i2lspark.jobs.storage.ImageSource;
import org.i2lspark.jobs.storage.ImageSource.ForbiddenException;
import org.i2lspark.jobs.storage.ImageSource.TooManyBytesException;
import org.i2lspark.jobs.storage.Retries.LastingException;
import org.i2lspark.jobs.storage.Storage;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Catalogs that hold their images themselves: what is found in them, and read of them. */
class ContainerCatalogTest {
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
    void aRowHoldsTheBytesOfItsImage() throws IOException {
        Path table = table("SELECT * FROM VALUES ('a', binary('one')), ('b', binary('two')) AS t(style_id, image)");
        String file = file(table);
        assertThat(styles(table))
                .extracting(Style::id, Style::images)
                .containsExactlyInAnyOrder(tuple("a", List.of(file + "#row=1")), tuple("b", List.of(file + "#row=2")));
        assertThat(read(table, file + "#row=2")).isEqualTo("two");
    }

    @Test
    void imagesOfAStyleAreInTheOrderOfPositionThenOfRows() throws IOException {
        Path table = table("SELECT 's' AS style_id, binary(string(id)) AS image, if(id = 11, -1, NULL) AS position FROM"
                + " range(12)");
        assertThat(contents(table)).containsExactly("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11");
        Path placed = table(
                "SELECT 's' AS style_id, binary(string(id)) AS image, if(id = 11, -1, id) AS position FROM range(12)");
        assertThat(contents(placed)).startsWith("11", "0", "1").endsWith("9", "10");
    }

    @Test
    void rowsOfAStyleMayLieInSeveralFilesAndInFoldersNamedByIt() throws IOException {
        Path table = folder.resolve("table");
        spark.sql("SELECT 's&' AS style_id, binary(string(id)) AS image, 'odd ' AS `x y#` FROM range(4)")
                .repartition(2)
                .write()
                .partitionBy("style_id", "x y#")
                .parquet(table.toString());
        assertThat(styles(table)).extracting(Style::id).containsExactly("s&");
        assertThat(contents(table)).containsExactlyInAnyOrder("0", "1", "2", "3");
    }

    @Test
    void huggingFacesStructNamesAFileWhereItHoldsNoBytes() throws IOException {
        Files.writeString(folder.resolve("beside.png"), "beside");
        Path table = table(
                "SELECT 's' AS style_id, if(id = 3, NULL, named_struct('bytes', if(id = 0, binary('in it'), NULL),"
                        + " 'path', element_at(array('a.png', 'beside.png', NULL, NULL, '/dev/null'), int(id + 1)))) AS"
                        + " image FROM range(5)");
        String file = file(table);
        assertThat(read(table, file + "#row=1")).isEqualTo("in it");
        assertThat(read(table, file + "#row=2")).isEqualTo("beside");
        for (int row = 3; row <= 4; row++) {
            String empty = file + "#row=" + row;
            assertThatThrownBy(() -> read(table, empty))
                    .isInstanceOf(LastingException.class)
                    .hasMessage("Cannot read image: the row has neither bytes nor a path");
        }
        assertThatThrownBy(() -> read(table, file + "#row=5")).isInstanceOf(ForbiddenException.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "binary('one'), binary('two')",
                "named_struct('bytes', binary('one')), named_struct('bytes', binary('two'))",
                "named_struct('bytes', binary('one'), 'path', 'p'), named_struct('bytes', binary('two'), 'path', NULL)"
            })
    void aRowMayHoldAListOfImages(String images) throws IOException {
        Path table =
                table("SELECT * FROM VALUES ('a', array(%s)), ('b', array()) AS t(style_id, image)".formatted(images));
        String file = file(table);
        assertThat(styles(table))
                .extracting(Style::id, Style::images)
                .containsExactlyInAnyOrder(
                        tuple("a", List.of(file + "#row=1&image=1", file + "#row=1&image=2")),
                        tuple("b", List.of(file + "#row=2")));
        assertThat(read(table, file + "#row=1&image=1")).isEqualTo("one");
        assertThat(read(table, file + "#row=1&image=2")).isEqualTo("two");
        assertThatThrownBy(() -> read(table, file + "#row=2")).hasMessageContaining("Cannot read image: the row has n");
    }

    @ParameterizedTest
    @CsvSource({
        "uncompressed, v1, true",
        "snappy, v1, false",
        "snappy, v2, true",
        "gzip, v1, true",
        "zstd, v2, false",
        "zstd, v1, true",
        "lz4_raw, v1, true"
    })
    void anyRowIsFoundInAnyPageOfAnyRowGroup(String codec, String version, String dictionary) throws IOException {
        Path table = folder.resolve("list.parquet");
        DataFrameWriter<Row> writer = spark.sql("SELECT concat('s', id) AS style_id,"
                        + " if(id = 7, NULL, binary(repeat(concat('image ', id, ','), 30))) AS image FROM range(200)")
                .coalesce(1)
                .write()
                .option("parquet.writer.version", version)
                .option("parquet.enable.dictionary", dictionary)
                .option("parquet.page.row.count.limit", "5")
                .option("parquet.page.size.row.check.min", "1")
                .option("parquet.block.size", "4096")
                .option("parquet.block.row.count.limit", "60");
        writer.option("compression", codec).parquet(table.toString());
        String file = file(table);
        for (int row : List.of(0, 4, 5, 6, 59, 60, 61, 123, 199)) {
            assertThat(read(table, file + "#row=" + (row + 1))).isEqualTo(("image " + row + ",").repeat(30));
        }
        assertThatThrownBy(() -> read(table, file + "#row=8")).hasMessage("Cannot read image: the row has no bytes");
        assertThatThrownBy(() -> read(table, file + "#row=201"))
                .hasMessage("Cannot read image: the file has no such row, has it changed?");
    }

    /** As pyarrow writes it: a page for each two of 40 rows, and no index of pages. */
    @Test
    void anyRowIsFoundWithoutAnIndexOfPages() throws IOException {
        Path structs = resource("structs.parquet");
        for (int row : List.of(0, 6, 8, 14, 15, 31, 39)) {
            assertThat(read(structs, structs.toUri().getPath() + "#row=" + (row + 1)))
                    .isEqualTo(image(row));
        }
        Path lists = resource("lists.parquet");
        List<String> expected = new ArrayList<>();
        for (int row = 1; row < 40; row++) {
            expected.add(image(row));
            if (row % 3 == 0) {
                expected.add(image(100 + row));
            }
        }
        List<String> read = new ArrayList<>();
        for (Style style : styles(lists)) {
            for (String name : style.images()) {
                if (name.contains("&image=")) {
                    read.add(read(lists, name));
                }
            }
        }
        assertThat(read).containsExactlyInAnyOrderElementsOf(expected);
    }

    private static String image(int number) {
        return ("image-" + number + ",").repeat(20);
    }

    private static Path resource(String name) throws IOException {
        try {
            return Path.of(ContainerCatalogTest.class
                    .getResource("/containers/" + name)
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IOException(e);
        }
    }

    @Test
    void onlyThePagesOfTheRowAreRead() throws IOException {
        Path table = folder.resolve("list.parquet");
        spark.sql("SELECT 's' AS style_id, binary(repeat(string(id), 10000)) AS image FROM range(100, 200)")
                .coalesce(1)
                .write()
                .option("compression", "uncompressed")
                .option("parquet.enable.dictionary", "false")
                .option("parquet.page.row.count.limit", "2")
                .option("parquet.page.size.row.check.min", "1")
                .parquet(table.toString());
        String name = file(table) + "#row=51";
        long before = bytesRead();
        assertThat(read(table, name)).isEqualTo("150".repeat(10000));
        assertThat(bytesRead() - before).isBetween(30_000L, 100_000L);
    }

    private static long bytesRead() {
        return FileSystem.getGlobalStorageStatistics().get("file").getLong("bytesRead");
    }

    @Test
    void aDamagedFileIsAProblemOfTheRowsThatLieThere() throws IOException {
        Path table = table("SELECT 's' AS style_id, binary(repeat('0123456789', 100)) AS image");
        Path file = Path.of(file(table).substring("file:".length()));
        byte[] bytes = Files.readAllBytes(file);
        byte[] flipped = bytes.clone();
        flipped[40] ^= 1;
        Files.write(file, flipped);
        assertThatThrownBy(() -> read(table, file + "#row=1"))
                .isInstanceOf(LastingException.class)
                .hasMessageStartingWith("Cannot read image: the file that holds it is damaged at byte ");
        Files.write(file, Arrays.copyOf(bytes, bytes.length - 5));
        assertThatThrownBy(() -> read(table, file + "#row=1"))
                .isInstanceOf(LastingException.class)
                .hasMessageEndingWith(": it is no Parquet file, or one that is cut off");
    }

    @Test
    void whateverIsDamagedInAPageIsALastingProblem() throws IOException {
        Path structs = resource("structs.parquet");
        byte[] bytes = Files.readAllBytes(structs);
        Path damaged = folder.resolve("structs.parquet");
        for (int position = 4; position < 1200; position += 7) {
            byte[] flipped = bytes.clone();
            flipped[position] ^= 0x5A;
            Files.write(damaged, flipped);
            try {
                read(damaged, damaged + "#row=11");
            } catch (LastingException e) {
                assertThat(e).hasMessageStartingWith("Cannot read image: ");
            }
        }
    }

    @Test
    void anImageOfTooManyBytesIsRefused() throws IOException {
        Path table = table("SELECT 's' AS style_id, binary('12345') AS image");
        assertThat(new String(source(table, 5).read(file(table) + "#row=1"), StandardCharsets.UTF_8))
                .isEqualTo("12345");
        assertThatThrownBy(() -> source(table, 4).read(file(table) + "#row=1"))
                .isInstanceOf(TooManyBytesException.class);
    }

    @Test
    void theCatalogsOwnFilesMayBeLinksAndOthersMayNot() throws IOException {
        Path elsewhere = Files.createDirectory(folder.resolve("blobs")).resolve("0123");
        Path table = table("SELECT 's' AS style_id, binary('linked') AS image");
        Files.move(Path.of(file(table).substring("file:".length())), elsewhere);
        Path snapshot = Files.createDirectory(folder.resolve("snapshot"));
        Path link = Files.createSymbolicLink(snapshot.resolve("train.parquet"), elsewhere);
        assertThat(contents(snapshot)).containsExactly("linked");
        assertThatThrownBy(() -> read(snapshot.resolve("list.csv"), link + "#row=1"))
                .isInstanceOf(ForbiddenException.class);
    }

    @Test
    void aRowThatIsThereTwiceCountsOnce() throws IOException {
        Path csv = Files.writeString(
                folder.resolve("list.csv"), "style_id,image,position\na,0.jpg,1\na,1.jpg,2\na,./0.jpg,3\na,1.jpg,2\n");
        assertThat(styles(csv))
                .extracting(Style::images)
                .containsExactly(List.of("file:" + folder.resolve("0.jpg"), "file:" + folder.resolve("1.jpg")));
    }

    @Test
    void aFolderInATarIsAStyleAndImagesOfOneNameAreOne() throws IOException {
        String longName = "deep/" + "d".repeat(120) + "/ä" + "f".repeat(150) + ".jpg";
        Path tar = tar(
                "list.tar",
                "./brand/style/1.jpg=one",
                "brand/style/0.png=zero",
                "key.b.jpg=right",
                "key.a.jpg=left",
                "key.json={}",
                "._key.jpg=mac",
                "__MACOSX/x.jpg=mac",
                longName + "=long",
                "link.jpg>key.a.jpg");
        Catalog catalog = Catalog.read(spark, new Storage(new Configuration()), tar.toString());
        assertThat(catalog.passedOver().files()).isEqualTo(2);
        catalog.close();
        List<Style> styles = styles(tar);
        assertThat(styles)
                .extracting(Style::id, Style::brand)
                .containsExactlyInAnyOrder(
                        tuple("brand/style", "brand"),
                        tuple("key", null),
                        tuple(longName.substring(0, longName.lastIndexOf('/')), "deep"));
        assertThat(contents(tar)).containsExactlyInAnyOrder("zero", "one", "left", "right", "long");
        assertThat(contents(tar)).containsSubsequence("zero", "one").containsSubsequence("left", "right");
        String image = styles.stream()
                .filter(style -> style.id().equals("brand/style"))
                .findFirst()
                .orElseThrow()
                .images()
                .get(0);
        assertThat(image).matches("file:" + tar + "#member=brand/style/0\\.png&offset=\\d+&bytes=4");
        assertThatThrownBy(() -> source(tar, 3).read(image)).isInstanceOf(TooManyBytesException.class);
    }

    @Test
    void aFolderGoesOnInTheNextTarAndTwoKeysOfOneNameAreRefused() throws IOException {
        Path shards = Files.createDirectory(folder.resolve("shards"));
        tar("shards/1.tar", "s/b.jpg=b", "k.jpg=k");
        tar("shards/0.tar", "s/c.jpg=c", "s/a.jpg=a");
        assertThat(styles(shards)).extracting(Style::id).containsExactlyInAnyOrder("s", "k");
        assertThat(contents(shards)).containsSubsequence("a", "b", "c").contains("k");
        tar("shards/2.tar", "k.jpg=other");
        assertThatThrownBy(() -> styles(shards))
                .isInstanceOf(UnusableException.class)
                .hasMessageContaining("two styles have the id 'k', those of ")
                .hasMessageContaining("/1.tar#member=k.jpg")
                .hasMessageContaining("/2.tar#member=k.jpg");
    }

    @Test
    void aTarThatIsDamagedCutOffOrCompressedIsRefused() throws IOException {
        Path tar = tar("list.tar", "a.jpg=one", "b.jpg=" + "two".repeat(1000));
        byte[] bytes = Files.readAllBytes(tar);
        byte[] flipped = bytes.clone();
        flipped[3] ^= 1;
        Files.write(tar, flipped);
        assertThatThrownBy(() -> styles(tar))
                .isInstanceOf(UnusableException.class)
                .hasMessageMatching("Cannot read catalog .*/list.tar: file:.*/list.tar is .*damaged.*");
        Files.write(tar, Arrays.copyOf(bytes, 2500));
        assertThatThrownBy(() -> styles(tar))
                .isInstanceOf(UnusableException.class)
                .hasMessageContaining("cut off");
        Path compressed = Files.move(tar, folder.resolve("list.tar.gz"));
        for (Path catalog : List.of(compressed, folder)) {
            assertThatThrownBy(() -> styles(catalog))
                    .isInstanceOf(UnusableException.class)
                    .hasMessageContaining("list.tar.gz: it is compressed");
        }
    }

    /** @param members as NAME=CONTENT, or NAME&gt;TARGET for a link */
    private Path tar(String name, String... members) throws IOException {
        Path file = folder.resolve(name);
        try (TarArchiveOutputStream tar = new TarArchiveOutputStream(Files.newOutputStream(file), "UTF-8")) {
            tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
            tar.setAddPaxHeadersForNonAsciiNames(true);
            for (String member : members) {
                String[] parts = member.split("[=>]", 2);
                TarArchiveEntry entry = member.contains(">")
                        ? new TarArchiveEntry(parts[0], TarConstants.LF_SYMLINK)
                        : new TarArchiveEntry(parts[0]);
                byte[] content = member.contains(">") ? new byte[0] : parts[1].getBytes(StandardCharsets.UTF_8);
                entry.setLinkName(member.contains(">") ? parts[1] : "");
                entry.setSize(content.length);
                tar.putArchiveEntry(entry);
                tar.write(content);
                tar.closeArchiveEntry();
            }
        }
        return file;
    }

    private Path table(String query) {
        Path table = folder.resolve("list.parquet");
        spark.sql(query).coalesce(1).write().mode("overwrite").parquet(table.toString());
        return table;
    }

    private static String file(Path table) throws IOException {
        try (Stream<Path> files = Files.walk(table)) {
            return "file:"
                    + files.filter(file -> file.toString().endsWith(".parquet") && Files.isRegularFile(file))
                            .findFirst()
                            .orElseThrow();
        }
    }

    private static List<Style> styles(Path table) throws IOException {
        Catalog catalog = Catalog.read(spark, new Storage(new Configuration()), table.toString());
        try {
            return catalog.styles().collect();
        } finally {
            catalog.close();
        }
    }

    private static List<String> contents(Path table) throws IOException {
        List<String> contents = new ArrayList<>();
        for (Style style : styles(table)) {
            for (String image : style.images()) {
                contents.add(read(table, image));
            }
        }
        return contents;
    }

    private static String read(Path table, String image) throws IOException {
        return new String(source(table, 1 << 20).read(image), StandardCharsets.UTF_8);
    }

    private static ImageSource source(Path table, long maxBytes) {
        String images = TableFormat.imagesFolder(new org.apache.hadoop.fs.Path(table.toString()))
                .toUri()
                .getPath();
        return new ImageSource(
                new Storage(new Configuration()),
                new ImageSource.Rules(false, images, new CatalogPlace("file:" + table, "file:" + images), maxBytes));
    }
}
