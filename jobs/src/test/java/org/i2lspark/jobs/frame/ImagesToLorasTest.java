package org.i2lspark.jobs.frame;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.assertj.core.data.Offset;
import org.i2lspark.jobs.EmbeddedSpark;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.cli.CommandLineRun;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.ReferenceCase.FloatTensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImagesToLorasTest {
    private static final Path IMAGES = Path.of(System.getProperty("i2l.reference"), "images");
    private static final byte[] TEXT = {'t', 'e', 'x', 't'};

    private static final StructType BYTES = new StructType()
            .add("id", DataTypes.IntegerType)
            .add("style", DataTypes.StringType)
            .add("content", DataTypes.BinaryType);

    @TempDir
    private static Path folder;

    private static String models;
    private static SparkSession spark;
    private static List<byte[]> files;

    @BeforeAll
    static void start() throws Exception {
        models = ReferenceCase.tiny().writeModels(folder.resolve("models")).toString();
        spark = EmbeddedSpark.start();
        files = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            files.add(Files.readAllBytes(IMAGES.resolve(i + ".png")));
        }
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    private static ImagesToLoras reproducible() {
        return ImagesToLoras.of(models).option("reproducible", "true").option("device", "cpu");
    }

    private static Dataset<Row> images(byte[]... contents) {
        return spark.createDataFrame(
                IntStream.range(0, contents.length)
                        .mapToObj(i -> RowFactory.create(i, "style " + i % 2, contents[i]))
                        .toList(),
                BYTES);
    }

    private static List<Row> byId(Dataset<Row> rows) {
        return rows.orderBy("id").collectAsList();
    }

    private static byte[] bytes(Row row, String column) {
        return row.getAs(column);
    }

    private static float[] floats(Row row, String column) {
        List<Float> values = row.getList(row.fieldIndex(column));
        float[] floats = new float[values.size()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = values.get(i);
        }
        return floats;
    }

    /** What the command makes of images. */
    private static byte[] imageToLora(List<String> options, int... images) throws Exception {
        Path output = Files.createTempDirectory(folder, "lora").resolve("lora.safetensors");
        List<Object> args = new ArrayList<>(List.of("image-to-lora", "--models", models, "--output", output));
        args.addAll(List.of("--device", "cpu", "--reproducible"));
        args.addAll(options);
        Arrays.stream(images).mapToObj(i -> IMAGES.resolve(i + ".png")).forEach(args::add);
        assertThat(CommandLineRun.of(args.toArray()).exitCode()).isZero();
        return Files.readAllBytes(output);
    }

    @Test
    void aLoraOfAnImageHasTheBytesThatTheCommandMakes() throws Exception {
        Dataset<Row> made = reproducible()
                .option("variants", "style,coarse")
                .option("key-format", "diffsynth")
                .option("lora-dtype", "float32")
                .loras(images(files.get(0), files.get(1)));
        assertThat(made.columns()).containsExactly("id", "style", "content", "lora", "siglip2", "dinov3", "error");
        List<Row> rows = byId(made);
        assertThat(rows).hasSize(2);
        Map<String, FloatTensor> embeddings = ReferenceCase.tiny().tensors("embeddings.safetensors");
        for (int i = 0; i < 2; i++) {
            Row row = rows.get(i);
            assertThat(bytes(row, "lora"))
                    .containsExactly(imageToLora(
                            List.of(
                                    "--variants",
                                    "style,coarse",
                                    "--key-format",
                                    "diffsynth",
                                    "--lora-dtype",
                                    "float32"),
                            i));
            assertThat(bytes(row, "content")).containsExactly(files.get(i));
            for (String encoder : List.of("siglip2", "dinov3")) {
                assertThat(floats(row, encoder))
                        .containsExactly(embeddings.get(encoder).row(i), Offset.offset(1e-4f));
            }
            assertThat(row.isNullAt(row.fieldIndex("error"))).isTrue();
        }
    }

    @Test
    void aCorruptImageInABatchOfTenCostsOneRow() throws Exception {
        byte[][] ten = new byte[10][];
        Arrays.fill(ten, files.get(0));
        ten[6] = Arrays.copyOf(files.get(0), files.get(0).length / 2);
        List<Row> rows = byId(reproducible().loras(images(ten).coalesce(1)));
        byte[] expected = imageToLora(List.of(), 0);
        for (int i = 0; i < 10; i++) {
            Row row = rows.get(i);
            if (i == 6) {
                assertThat(row.<String>getAs("error")).startsWith("[image_damaged] image: ");
                assertThat(Stream.of("lora", "siglip2", "dinov3").map(row::getAs))
                        .containsOnlyNulls();
            } else {
                assertThat(bytes(row, "lora")).containsExactly(expected);
                assertThat(row.<String>getAs("error")).isNull();
            }
        }
    }

    @Test
    void rowsOfAStyleBecomeOneLora() throws Exception {
        Dataset<Row> rows = images(files.get(2), files.get(3), files.get(0), TEXT, files.get(1));
        List<Row> styles = reproducible()
                .styleColumn("style")
                .orderColumn("id")
                .loras(rows)
                .orderBy("style")
                .collectAsList();
        assertThat(styles).map(row -> row.<String>getAs("style")).containsExactly("style 0", "style 1");
        assertThat(bytes(styles.get(0), "lora")).containsExactly(imageToLora(List.of(), 2, 0, 1));
        FloatTensor siglip2 =
                ReferenceCase.tiny().tensors("embeddings.safetensors").get("siglip2");
        float[] mean = new float[siglip2.row(0).length];
        for (int i = 0; i < mean.length; i++) {
            mean[i] = (siglip2.row(0)[i] + siglip2.row(1)[i] + siglip2.row(2)[i]) / 3;
        }
        assertThat(floats(styles.get(0), "siglip2")).containsExactly(mean, Offset.offset(1e-4f));
        assertThat(styles.get(1).<String>getAs("error"))
                .startsWith("[image_unsupported] image 2: Cannot decode image: it is not an image");
        assertThat(styles.get(1).<Object>getAs("lora")).isNull();
    }

    @Test
    void aStyleOfTooManyImagesSaysSo() throws Exception {
        Row row = ImagesToLoras.of(models)
                .option("max-images-per-style", "1")
                .styleColumn("style")
                .embeddings(images(files.get(0), files.get(1), files.get(2)))
                .orderBy("style")
                .first();
        assertThat(row.<String>getAs("error")).startsWith("[too_many_images] Cannot merge 2 images");
    }

    @Test
    void imagesAreReadByTheirUrisBelowTheRootOnly() throws Exception {
        Dataset<Row> named = spark.createDataFrame(
                List.of(
                        RowFactory.create(0, IMAGES.toUri() + "0.png"),
                        RowFactory.create(1, IMAGES.resolve("none.png").toString()),
                        RowFactory.create(2, "/etc/hostname"),
                        RowFactory.create(3, null)),
                new StructType().add("id", DataTypes.IntegerType).add("uri", DataTypes.StringType));
        ImagesToLoras ofUris = reproducible().imageColumn("uri");
        List<Row> rows = byId(ofUris.option("catalog-root", IMAGES.toString()).loras(named));
        assertThat(bytes(rows.get(0), "lora")).containsExactly(imageToLora(List.of(), 0));
        assertThat(rows.subList(1, 4))
                .map(row -> row.<String>getAs("error").replaceAll("].*", "]"))
                .containsExactly("[image_missing]", "[image_forbidden]", "[image_missing]");
        assertThat(byId(ofUris.embeddings(named)).get(0).<String>getAs("error")).startsWith("[image_forbidden]");
    }

    @Test
    void functionsOfSqlGiveTheSame() throws Exception {
        reproducible().registerFunctions(spark);
        Dataset<Row> rows = images(files.get(0), TEXT, files.get(2));
        rows.createOrReplaceTempView("images");
        List<Row> expected = byId(reproducible().loras(rows));
        List<Row> embedded = spark.sql("SELECT e.siglip2, e.dinov3, e.error FROM "
                        + "(SELECT id, i2l_embed(content) AS e FROM images) ORDER BY id")
                .collectAsList();
        List<Row> loras = spark.sql("SELECT i2l_lora(content).lora FROM images ORDER BY id")
                .collectAsList();
        for (int i : List.of(0, 2)) {
            assertThat(floats(embedded.get(i), "siglip2")).containsExactly(floats(expected.get(i), "siglip2"));
            assertThat(floats(embedded.get(i), "dinov3")).containsExactly(floats(expected.get(i), "dinov3"));
            assertThat(loras.get(i).<byte[]>getAs(0)).containsExactly(bytes(expected.get(i), "lora"));
        }
        assertThat(embedded.get(1).<String>getAs("error")).startsWith("[image_unsupported]");
        assertThat(loras.get(1).isNullAt(0)).isTrue();
        Row style = spark.sql(
                        "SELECT i2l_lora(transform(array_sort(collect_list(struct(id, content))), x -> x.content)).lora "
                                + "FROM images WHERE id != 1")
                .first();
        assertThat(style.<byte[]>getAs(0)).containsExactly(imageToLora(List.of(), 0, 2));
        assertThat(spark.sql("SELECT i2l_lora(array()).error").first().getString(0))
                .isEqualTo("[image_missing] there is no image");
    }

    @Test
    void whatCannotBeDoneIsSaidAtOnce() {
        Dataset<Row> rows = images(files.get(0));
        assertThatThrownBy(() ->
                        ImagesToLoras.of(folder.resolve("none").toString()).loras(rows))
                .isInstanceOf(UnusableException.class)
                .hasMessageContaining("/none: it is not a folder");
        assertThatThrownBy(() -> reproducible().option("variant", "style").loras(rows))
                .isInstanceOf(UnusableException.class)
                .hasMessage("Invalid option: 'variant' (there is none of that name; did you mean variants?)");
        assertThatThrownBy(() -> reproducible().option("precision", "half").loras(rows))
                .isInstanceOf(UnusableException.class)
                .hasMessageContaining("half");
        assertThatThrownBy(() -> reproducible().option("rank", "-1").loras(rows))
                .isInstanceOf(UnusableException.class)
                .hasMessage("Invalid --rank: -1 (expected 0 or more)");
        assertThatThrownBy(() -> reproducible().imageColumn("image").loras(rows))
                .isInstanceOf(UnusableException.class)
                .hasMessage("Cannot find the column image (expected one of: id, style, content)");
        assertThatThrownBy(() -> reproducible().imageColumn("id").loras(rows))
                .isInstanceOf(UnusableException.class)
                .hasMessageStartingWith("Invalid image column: id is int (expected binary");
        assertThatThrownBy(() -> reproducible().loras(rows.withColumnRenamed("style", "Error")))
                .isInstanceOf(UnusableException.class)
                .hasMessage("Cannot add the column Error: there is one; rename or drop it");
    }
}
