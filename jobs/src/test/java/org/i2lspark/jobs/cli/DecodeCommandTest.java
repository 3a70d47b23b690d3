package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.SampleModels;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** LoRAs of embeddings that a manifest holds. */
class DecodeCommandTest {
    private static final Path IMAGES = Path.of(System.getProperty("i2l.reference"), "images");

    @TempDir
    private static Path folder;

    private static Path photos;
    private static Path models;

    @BeforeAll
    static void write() throws IOException {
        photos = folder.resolve("photos");
        Path two = Files.createDirectories(photos.resolve("aurora/two"));
        Files.copy(IMAGES.resolve("0.png"), two.resolve("0.png"));
        Files.copy(IMAGES.resolve("1.png"), two.resolve("1.png"));
        Files.copy(IMAGES.resolve("2.png"), photos.resolve("one.png"));
        Files.writeString(photos.resolve("bad.png"), "no image");
        models = folder.resolve("models");
        SampleModels.write(models, Set.of(BaseModel.QWEN_IMAGE, BaseModel.Z_IMAGE));
    }

    @Test
    void lorasOfStoredEmbeddingsAreThoseOfTheImages() throws IOException {
        Path both = folder.resolve("both");
        CommandLineRun first = generate(both, "--model", "qwen-image,z-image");
        assertThat(first.exitCode()).as(first.err()).isEqualTo(3);
        assertThat(first.out())
                .contains("Styles: 2 done, 0 skipped (unchanged), 1 failed")
                .contains("z-image:%nStyles: 2 done, 0 skipped (unchanged), 0 failed".formatted());
        assertThat(rows(both, "SELECT base_model, style_id, status, style_embedding FROM loras"))
                .extracting(
                        row -> row.getString(0),
                        row -> row.getString(1),
                        row -> row.getString(2),
                        row -> !row.isNullAt(3))
                .containsExactlyInAnyOrder(
                        tuple("qwen-image", "aurora/two", "done", true),
                        tuple("qwen-image", "one", "done", true),
                        tuple("qwen-image", "bad", "failed", false),
                        tuple("z-image", "aurora/two", "done", true),
                        tuple("z-image", "one", "done", true));
        assertThat(generate(both, "--model", "qwen-image,z-image").out())
                .contains("z-image:%nStyles: 0 done, 2 skipped (unchanged), 0 failed".formatted());
        assertThat(CommandLineRun.of("verify", "--output", both).exitCode()).isZero();

        Path images = folder.resolve("images");
        generate(images, "--model", "z-image", "--rank", "3");
        Files.move(models.resolve("DiffSynth-Studio/General-Image-Encoders"), folder.resolve("encoders"));
        Path decoded = folder.resolve("decoded");
        CommandLineRun decode = decode(both, decoded, "--model", "z-image", "--rank", "3");
        assertThat(decode.exitCode()).as(decode.err()).isZero();
        assertThat(loras(decoded)).hasSize(2).isEqualTo(loras(images));
        assertThat(rows(decoded, "SELECT siglip2 FROM images WHERE siglip2 IS NOT NULL"))
                .hasSize(3);

        assertThat(decode(decoded, decoded, "--model", "z-image", "--rank", "3").out())
                .contains("Styles: 0 done, 2 skipped (unchanged), 0 failed");
    }

    @Test
    void whatCannotBeDecodedIsToldAtOnce() throws IOException {
        Path none = Files.createDirectories(folder.resolve("none"));
        assertRefused(decode(none, none), "no run is committed there");
        assertRefused(decode(none, none, "--variants", "coarse"), "coarse needs what Qwen2.5-VL sees in the images");
        assertRefused(decode(none, none, "--model", "z-image,qwen-image"), "only generate takes several");
    }

    private static void assertRefused(CommandLineRun run, String message) {
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains(message);
    }

    private static CommandLineRun generate(Path output, Object... options) {
        return run(Stream.of("generate", "--catalog", photos, "--output", output), options);
    }

    private static CommandLineRun decode(Path from, Path output, Object... options) {
        return run(Stream.of("decode", "--from", from, "--output", output), options);
    }

    private static CommandLineRun run(Stream<Object> command, Object... options) {
        Stream<Object> usual = Stream.of("--models", models, "--device", "cpu", "--reproducible");
        return CommandLineRun.of(Stream.of(command, usual, Stream.of(options))
                .flatMap(part -> part)
                .toArray());
    }

    /** The SHA-256 of all LoRA files, by their names. */
    private static Map<String, String> loras(Path output) throws IOException {
        Map<String, String> loras = new TreeMap<>();
        try (Stream<Path> files = Files.walk(output.resolve("loras"))) {
            for (Path file : files.filter(path -> path.toString().endsWith(".safetensors"))
                    .toList()) {
                loras.put(output.relativize(file).toString(), Hashes.sha256(Files.readAllBytes(file)));
            }
        }
        return loras;
    }

    private static List<Row> rows(Path output, String sql) throws IOException {
        try (SparkSession spark = Sessions.start("test", Map.of("spark.master", "local[1]"))) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            new Manifest(spark, storage, new org.apache.hadoop.fs.Path(output.toUri())).createViews();
            return spark.sql(sql).collectAsList();
        }
    }
}
