package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.SampleModels;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The main job on catalogs that hold their images themselves. */
class ContainersTest {
    private static final Path IMAGES = Path.of(System.getProperty("i2l.reference"), "images");

    @TempDir
    private Path folder;

    /** Of equal images, the LoRA that is there already is the right one. */
    @Test
    void imagesCountAlikeWhereverTheyLieAndOneThatIsNoneCostsItsStyle() throws IOException {
        Path models = Files.createDirectory(folder.resolve("models"));
        SampleModels.write(models);
        Path good = Files.createDirectories(folder.resolve("photos/good"));
        Files.copy(IMAGES.resolve("0.png"), good.resolve("0.png"));
        Files.copy(IMAGES.resolve("1.png"), good.resolve("1.png"));
        CommandLineRun plain = generate(folder.resolve("photos"), models);
        assertThat(plain.out()).contains("Styles: 1 done, 0 skipped (unchanged), 0 failed");

        Path table = writeTable();
        CommandLineRun run = generate(table, models);
        assertThat(run.exitCode()).as(run.err()).isEqualTo(3);
        assertThat(run.out()).contains("Styles: 0 done, 1 skipped (unchanged), 3 failed");
        List<Row> images = imageRows("WHERE uri LIKE '%#row=%' ORDER BY uri");
        assertThat(images)
                .extracting(
                        row -> row.<String>getAs("uri").replaceFirst(".*\\.parquet", ""),
                        row -> row.<String>getAs("style_id"),
                        row -> row.<String>getAs("status"))
                .containsExactly(
                        tuple("#row=1", "good", "skipped"),
                        tuple("#row=2", "good", "skipped"),
                        tuple("#row=3", "empty", "failed"),
                        tuple("#row=4", "none", "failed"),
                        tuple("#row=5", "text", "failed"));
        assertThat(images.get(3).<String>getAs("error_message"))
                .endsWith(".parquet#row=4: Cannot read image: the row has no bytes");
        assertThat(images).extracting(row -> row.<String>getAs("error_class")).doesNotContain("internal", "store_read");

        CommandLineRun archive = generate(writeTar(), models);
        assertThat(archive.out()).contains("Styles: 0 done, 1 skipped (unchanged), 0 failed");
        assertThat(imageRows("WHERE uri LIKE '%/list.tar#member=good/1.png&%'")).hasSize(1);
    }

    private Path writeTar() throws IOException {
        Path archive = folder.resolve("list.tar");
        try (TarArchiveOutputStream tar = new TarArchiveOutputStream(Files.newOutputStream(archive))) {
            for (String name : List.of("1.png", "0.png")) {
                byte[] image = Files.readAllBytes(IMAGES.resolve(name));
                TarArchiveEntry entry = new TarArchiveEntry("good/" + name);
                entry.setSize(image.length);
                tar.putArchiveEntry(entry);
                tar.write(image);
                tar.closeArchiveEntry();
            }
        }
        return archive;
    }

    private Path writeTable() throws IOException {
        Path table = folder.resolve("list.parquet");
        try (SparkSession spark = Sessions.start("test", Map.of("spark.master", "local[1]"))) {
            List<Row> rows = List.of(
                    RowFactory.create("good", Files.readAllBytes(IMAGES.resolve("0.png"))),
                    RowFactory.create("good", Files.readAllBytes(IMAGES.resolve("1.png"))),
                    RowFactory.create("empty", new byte[0]),
                    RowFactory.create("none", null),
                    RowFactory.create("text", new byte[] {'a', 'b', 'c'}));
            spark.createDataFrame(
                            rows, new StructType().add("style_id", "string").add("image", "binary"))
                    .coalesce(1)
                    .write()
                    .parquet(table.toString());
        }
        return table;
    }

    private CommandLineRun generate(Path catalog, Path models) {
        return CommandLineRun.of(
                "generate",
                "--catalog",
                catalog,
                "--models",
                models,
                "--output",
                folder.resolve("out"),
                "--device",
                "cpu");
    }

    private List<Row> imageRows(String where) throws IOException {
        try (SparkSession spark = Sessions.start("test", Map.of("spark.master", "local[1]"))) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            new Manifest(
                            spark,
                            storage,
                            new org.apache.hadoop.fs.Path(folder.resolve("out").toUri()))
                    .createViews();
            return spark.sql("SELECT * FROM images " + where).collectAsList();
        }
    }
}
