package org.i2lspark.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.assertj.core.data.Offset;
import org.i2lspark.jobs.faults.FailingDiskFileSystem;
import org.i2lspark.jobs.faults.FullDiskFileSystem;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.ReferenceCase.FloatTensor;
import org.i2lspark.model.SampleModels;
import org.i2lspark.model.Variant;
import org.i2lspark.safetensors.SafetensorsFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The main job, through the command line, inside an embedded Spark. */
class GenerateCommandTest {
    private static final Path IMAGES = Path.of(System.getProperty("i2l.reference"), "images");
    private static final int LORA_TENSORS = 1440;

    @TempDir
    private static Path models;

    @TempDir
    private Path folder;

    private Path catalog;
    private Path output;

    @BeforeAll
    static void writeModels() throws IOException {
        SampleModels.write(models);
    }

    @BeforeEach
    void makeCatalog() throws IOException {
        catalog = Files.createDirectories(folder.resolve("catalog"));
        output = folder.resolve("output");
    }

    @Test
    void lorasAndEmbeddingsAgreeWithTheReference() throws IOException {
        ReferenceCase reference = ReferenceCase.tiny();
        Path referenceModels = reference.writeModels(folder.resolve("models"));
        copy("0.png", "brand/group/0.png");
        copy("1.png", "brand/group/1.png");
        copy("2.png", "brand/group/2.png");
        copy("0.png", "image0.png");
        CommandLineRun run = CommandLineRun.of(
                "generate",
                "--catalog",
                catalog,
                "--models",
                referenceModels,
                "--output",
                output,
                "--lora-dtype",
                "float32",
                "--key-format",
                "diffsynth",
                "--device",
                "cpu");
        assertThat(run.err()).isEmpty();
        assertThat(run.exitCode()).isZero();
        assertThat(run.out())
                .contains("2 styles, 4 images")
                .contains("Styles: 2 done, 0 skipped (unchanged), 0 failed");

        Map<String, Row> loras = lorasByStyle();
        assertThat(loras).containsOnlyKeys("brand/group", "image0");
        assertClose(
                ReferenceCase.readFloats(loraFile(loras.get("brand/group"))),
                reference.tensors("lora_style_group.safetensors"));
        assertClose(
                ReferenceCase.readFloats(loraFile(loras.get("image0"))),
                reference.tensors("lora_style_image0.safetensors"));
        assertLoraRow(loras.get("brand/group"), 12, 3);
        assertThat(loras.get("brand/group").<String>getAs("brand")).isEqualTo("brand");
        assertImageRows(reference.tensors("embeddings.safetensors"));
        assertThat(output.resolve("_i2l/runs")).doesNotExist();
        assertThat(allFiles(output)).noneMatch(file -> file.endsWith(".crc"));
    }

    private void assertLoraRow(Row row, int rank, int images) throws IOException {
        byte[] file = Files.readAllBytes(loraFile(row));
        assertThat(row.<String>getAs("status")).isEqualTo("done");
        assertThat(row.<Long>getAs("bytes")).isEqualTo(file.length);
        assertThat(row.<String>getAs("sha256")).isEqualTo(Hashes.sha256(file));
        assertThat(row.<Integer>getAs("rank")).isEqualTo(rank);
        assertThat(row.<Integer>getAs("image_count")).isEqualTo(images);
        assertThat(row.getList(row.fieldIndex("style_embedding"))).hasSize(48 + 64);
        assertThat(row.getJavaMap(row.fieldIndex("checkpoints")))
                .containsOnlyKeys("SigLIP2-G384", "DINOv3-7B", "Qwen-Image-i2L-Style");
        assertThat(row.getJavaMap(row.fieldIndex("seconds")))
                .containsOnlyKeys("read", "prepare", "embed", "decode", "write");
    }

    private void assertImageRows(Map<String, FloatTensor> embeddings) throws IOException {
        List<Row> images = rows("SELECT * FROM images WHERE style_id = 'brand/group' ORDER BY position");
        assertThat(images).hasSize(3);
        for (int i = 0; i < images.size(); i++) {
            Row image = images.get(i);
            assertThat(image.<String>getAs("uri")).endsWith("brand/group/" + i + ".png");
            assertThat(image.<String>getAs("status")).isEqualTo("done");
            assertClose(
                    image.getList(image.fieldIndex("siglip2")),
                    embeddings.get("siglip2").row(i));
            assertClose(
                    image.getList(image.fieldIndex("dinov3")),
                    embeddings.get("dinov3").row(i));
        }
    }

    @Test
    void allVariantsTogetherAgreeWithTheReferenceWithEitherImagePositions() throws IOException {
        ReferenceCase reference = ReferenceCase.tiny();
        Path referenceModels = reference.writeModels(folder.resolve("models"));
        copy("0.png", "group/0.png");
        copy("1.png", "group/1.png");
        copy("2.png", "group/2.png");
        Row grid = generateAllVariants(referenceModels, "grid");
        assertClose(
                ReferenceCase.readFloats(loraFile(grid)),
                reference.grid().tensors("lora_coarse_fine_bias_group.safetensors"));
        Row row = generateAllVariants(referenceModels, "sequential", "--image-positions", "sequential");
        assertThat(row.<String>getAs("fingerprint")).isNotEqualTo(grid.<String>getAs("fingerprint"));
        assertClose(
                ReferenceCase.readFloats(loraFile(row)), reference.tensors("lora_coarse_fine_bias_group.safetensors"));
        assertThat(row.<Integer>getAs("rank")).isEqualTo(28);
        assertThat(row.getList(row.fieldIndex("variants"))).isEqualTo(List.of("coarse", "fine", "bias"));
        assertThat(row.getJavaMap(row.fieldIndex("checkpoints")))
                .containsOnlyKeys(
                        "SigLIP2-G384",
                        "DINOv3-7B",
                        "Qwen2.5-VL-7B",
                        "Qwen-Image-i2L-Coarse",
                        "Qwen-Image-i2L-Fine",
                        "Qwen-Image-i2L-Bias");
    }

    /** Makes the LoRA anew, and checks that its file and the run's row say where image cells stand. */
    private Row generateAllVariants(Path referenceModels, String positions, Object... more) throws IOException {
        List<Object> options = new ArrayList<>(List.of(
                "--models",
                referenceModels,
                "--variants",
                "coarse,fine,bias",
                "--lora-dtype",
                "float32",
                "--key-format",
                "diffsynth",
                "--batch-size",
                "2"));
        options.addAll(Arrays.asList(more));
        CommandLineRun run = generate(options.toArray());
        assertThat(run.err()).isEmpty();
        assertThat(run.out()).contains("1 done, 0 skipped (unchanged), 0 failed");
        Row row = lorasByStyle().get("group");
        try (SafetensorsFile file = SafetensorsFile.open(loraFile(row))) {
            assertThat(file.metadata()).containsEntry("i2l.image_positions", positions);
        }
        assertThat(rows("SELECT options['image-positions'] FROM runs ORDER BY run_id DESC LIMIT 1"))
                .extracting(first -> first.getString(0))
                .containsExactly(positions);
        return row;
    }

    @Test
    void reducesToARank() throws IOException {
        copy("0.png", "two/0.png");
        copy("1.png", "two/1.png");
        assertThat(generate("--rank", "3", "--key-format", "kohya").exitCode()).isZero();
        Row row = lorasByStyle().get("two");
        assertThat(row.<Integer>getAs("rank")).isEqualTo(3);
        assertThat(row.<Double>getAs("reduction_error")).isBetween(1e-3, 0.9);
        try (SafetensorsFile file = SafetensorsFile.open(loraFile(row))) {
            assertThat(file.metadata())
                    .containsEntry("i2l.rank", "3")
                    .containsEntry("i2l.reduction_error", String.valueOf(row.<Double>getAs("reduction_error")));
            assertThat(file.tensors()
                            .get("lora_unet_transformer_blocks_7_attn_to_out_0.lora_down.weight")
                            .shape())
                    .containsExactly(3L, 64L);
            assertThat(file.tensors()).hasSize(LORA_TENSORS * 3 / 2);
        }
        assertUnusable(generate("--key-format", "peft"), "make one with 'i2l lora convert'");
    }

    @Test
    void writesBfloat16ForComfyUiByDefault() throws IOException {
        copy("1.png", "solo.png");
        assertThat(generate().exitCode()).isZero();
        try (SafetensorsFile file = SafetensorsFile.open(loraFile(lorasByStyle().get("solo")))) {
            assertThat(file.tensors()).hasSize(LORA_TENSORS);
            assertThat(file.tensors().values())
                    .allMatch(tensor -> tensor.dtype().name().equals("BF16"));
            assertThat(file.tensors()
                            .get("diffusion_model.transformer_blocks.59.img_mlp.net.2.lora_A.weight")
                            .shape())
                    .containsExactly(4L, 256L);
            assertThat(file.tensors()
                            .get("diffusion_model.transformer_blocks.59.img_mod.1.lora_B.weight")
                            .shape())
                    .containsExactly(384L, 4L);
            assertThat(file.metadata())
                    .containsEntry("i2l.variants", "style")
                    .containsEntry("i2l.images", "1")
                    .doesNotContainKey("i2l.image_positions")
                    .containsEntry("modelspec.sai_model_spec", "1.0.0")
                    .containsEntry("modelspec.architecture", "qwen-image/lora")
                    .containsEntry("modelspec.implementation", "https://github.com/QwenLM/Qwen-Image")
                    .containsEntry("modelspec.description", "qwen-image image-to-LoRA (style) of 1 image")
                    .containsEntry("modelspec.usage_hint", "strength 1, no trigger word")
                    .containsEntry("ss_base_model_version", "Qwen");
            assertThat(file.metadata()).containsEntry("modelspec.title", "solo");
        }
    }

    @Test
    void secondRunOverAnUnchangedCatalogWritesNothing() throws IOException {
        copy("0.png", "a/0.png");
        copy("1.png", "b/1.png");
        assertThat(generate().exitCode()).isZero();
        List<String> before = allFiles(output.resolve("loras"));
        Map<String, Long> times = modificationTimes();

        CommandLineRun second = generate();
        assertThat(second.exitCode()).isZero();
        assertThat(second.out())
                .contains("0 done, 2 skipped (unchanged), 0 failed")
                .contains("Nothing has changed since the last run; no LoRA was written.");
        assertThat(allFiles(output.resolve("loras"))).isEqualTo(before);
        assertThat(modificationTimes()).isEqualTo(times);
        assertThat(rows("SELECT status FROM loras WHERE status = 'skipped'")).hasSize(2);
    }

    @Test
    void onlyWhatChangedIsMadeAgain() throws IOException {
        copy("0.png", "a/0.png");
        copy("1.png", "b/1.png");
        copy("1.png", "c/1.png");
        assertThat(generate().exitCode()).isZero();
        Files.copy(IMAGES.resolve("0.png"), catalog.resolve("b/2.png"));
        Files.delete(loraFile(lorasByStyle().get("c")));
        assertThat(generate().out()).contains("2 done, 1 skipped (unchanged), 0 failed");
        assertThat(generate("--lora-dtype", "float32").out()).contains("3 done, 0 skipped");
        assertThat(generate().out()).contains("0 done, 3 skipped");
    }

    @Test
    void oneBadImageFailsItsStyleAndNotTheRun() throws IOException {
        copy("0.png", "good/0.png");
        copy("1.png", "mixed/1.png");
        Files.writeString(catalog.resolve("mixed/note.jpg"), "just some text");
        byte[] cut = Arrays.copyOf(Files.readAllBytes(IMAGES.resolve("1.png")), 5000);
        Files.write(Files.createDirectories(catalog.resolve("cut")).resolve("cut.png"), cut);
        CommandLineRun run = generate();
        assertThat(run.exitCode()).isEqualTo(Main.STYLES_FAILED);
        assertThat(run.out())
                .contains("1 done, 0 skipped (unchanged), 2 failed")
                .contains("{image_damaged=1, image_unsupported=1}")
                .contains("mixed: [image_unsupported]")
                .contains("note.jpg: Cannot decode image: it is not an image, it begins with 'just some te'");
        Map<String, Row> loras = lorasByStyle();
        assertThat(loras.get("mixed").<String>getAs("status")).isEqualTo("failed");
        assertThat(loras.get("mixed").<String>getAs("error_class")).isEqualTo("image_unsupported");
        assertThat(loras.get("mixed").<String>getAs("lora_uri")).isNull();
        assertThat(loras.get("cut").<String>getAs("error_message")).contains("it is truncated");
        List<Row> images =
                rows("SELECT status, error_class, width FROM images WHERE style_id = 'mixed' ORDER BY position");
        assertThat(images.get(0).getString(0)).isEqualTo("skipped");
        assertThat(images.get(0).getInt(2)).isPositive();
        assertThat(images.get(1).getString(0)).isEqualTo("failed");
        assertThat(images.get(1).getString(1)).isEqualTo("image_unsupported");
        assertThat(allFiles(output.resolve("loras"))).hasSize(1);
        assertThat(rows("SELECT status, styles_failed FROM runs").get(0).getString(0))
                .isEqualTo("done_with_failures");
    }

    @Test
    void limitsFailTheStylesThatExceedThem() throws IOException {
        copy("0.png", "two/0.png");
        copy("1.png", "two/1.png");
        copy("2.png", "large.png");
        CommandLineRun run = generate("--max-images-per-style", "1", "--max-pixels", "1000");
        assertThat(run.exitCode()).isEqualTo(Main.STYLES_FAILED);
        assertThat(run.out())
                .contains("two: [too_many_images] Cannot merge 2 images into one LoRA: its rank would be 8")
                .contains("large: [image_too_large]");
    }

    @Test
    void readsATableOfImages() throws IOException {
        copy("0.png", "0.png");
        copy("1.png", "1.png");
        Path csv = Files.writeString(
                catalog.resolve("styles.csv"),
                "style_id,image,brand,position\nwild,1.png,acme,2\nwild,0.png,acme,1\ncalm," + catalog.resolve("1.png")
                        + ",,\n");
        Path jsonLines = Files.writeString(
                catalog.resolve("styles.jsonl"),
                "{\"style_id\":\"wild\",\"image\":\"0.png\",\"position\":1}\n{\"style_id\":\"wild\",\"image\":\"1.png\",\"position\":2}\n");
        CommandLineRun fromCsv = generateFrom(csv);
        assertThat(fromCsv.err()).isEmpty();
        assertThat(fromCsv.out()).contains("2 styles, 3 images").contains("2 done");
        assertThat(rows("SELECT uri FROM images WHERE style_id = 'wild' ORDER BY position").stream()
                        .map(row -> Path.of(row.getString(0)).getFileName().toString()))
                .containsExactly("0.png", "1.png");
        assertThat(lorasByStyle().get("wild").<String>getAs("brand")).isEqualTo("acme");
        // the same images in the same order: nothing to do
        assertThat(generateFrom(jsonLines).out()).contains("0 done, 1 skipped");

        Path parquet = catalog.resolve("styles.parquet");
        try (SparkSession spark = Sessions.start("test", Map.of("spark.master", "local[1]"))) {
            spark.read().option("header", "true").csv(csv.toString()).write().parquet(parquet.toString());
        }
        assertThat(generateFrom(parquet).out()).contains("0 done, 2 skipped");
    }

    @Test
    void refusesTablesThatAreNoCatalog() throws IOException {
        assertUnusable(
                generateFrom(Files.writeString(catalog.resolve("a.csv"), "style,image\nx,y.png\n")),
                "it has no column style_id (found: style, image)");
        assertUnusable(
                generateFrom(Files.writeString(catalog.resolve("b.csv"), "style_id,image\nx,y.png\n,z.png\n")),
                "line 3 has no style_id");
        assertUnusable(
                generateFrom(Files.writeString(
                        catalog.resolve("c.csv"), "style_id,image,brand\nx,y.png,one\nx,z.png,two\n")),
                "style 'x' has several brands: one in line 2, two in line 3");
        assertUnusable(
                generateFrom(Files.writeString(catalog.resolve("d.csv"), "style_id,image\n")), "it holds no images");
        assertUnusable(generateFrom(Files.writeString(catalog.resolve("e.txt"), "")), "unknown kind of file");
        assertUnusable(
                generateFrom(Files.writeString(catalog.resolve("f.jsonl"), "{\"style_id\": oops\n")),
                "Cannot read catalog " + catalog.resolve("f.jsonl"));
        assertUnusable(
                generateFrom(Files.writeString(catalog.resolve("g.parquet"), "no parquet")),
                "Cannot read catalog " + catalog.resolve("g.parquet"));
        assertUnusable(
                generateFrom(Files.writeString(catalog.resolve("h.csv"), "style_id,image,position\nx,y.png,first\n")),
                "has position 'first' (expected a number)");
    }

    @Test
    void aMissingImageFailsItsStyle() throws IOException {
        Path csv = Files.writeString(catalog.resolve("styles.csv"), "style_id,image\nx,nowhere.png\n");
        CommandLineRun run = generateFrom(csv);
        assertThat(run.exitCode()).isEqualTo(Main.STYLES_FAILED);
        assertThat(run.out()).contains("x: [image_missing]").contains("nowhere.png");
    }

    @Test
    void whatFailedIsTriedAgainWhenAskedOrChanged() throws IOException {
        copy("0.png", "good.png");
        byte[] image = Files.readAllBytes(IMAGES.resolve("1.png"));
        Files.write(catalog.resolve("bad.png"), Arrays.copyOf(image, 5000));
        assertThat(generate().out())
                .contains("1 done, 0 skipped (unchanged), 1 failed")
                .contains("Failures: 1 new, 0 known, 0 healed")
                .doesNotContain("failed before");
        CommandLineRun second = generate();
        assertThat(second.exitCode()).isEqualTo(Main.STYLES_FAILED);
        assertThat(second.out()).contains("Failures: 0 new, 1 known, 0 healed");
        assertThat(second.out())
                .contains("0 done, 1 skipped (unchanged), 1 failed")
                .contains("bad: [image_damaged, known]")
                .contains("1 of them failed before and were not tried again; --retry-failed tries them");
        CommandLineRun retried = generate("--retry-failed", "--fail-on", "new");
        assertThat(retried.out()).contains("1 failed").doesNotContain("failed before");
        assertThat(retried.exitCode()).isZero();
        for (List<String> other :
                List.of(List.of("--max-pixels", "1000000"), List.of("--conf", "spark.i2l.decoder.memory=512m"))) {
            assertThat(generate(other.toArray()).out()).contains("1 failed").doesNotContain("failed before");
        }
        assertThat(rows("SELECT error_kind FROM loras WHERE style_id = 'bad'"))
                .extracting(row -> row.getString(0))
                .containsExactly("image", "image", "image", "image", "image");
        Files.write(catalog.resolve("bad.png"), image);
        assertThat(generate().out())
                .contains("1 done, 1 skipped (unchanged), 0 failed")
                .contains("Failures: 0 new, 0 known, 1 healed");
        assertThat(rows("SELECT styles_failed_new, styles_healed FROM runs ORDER BY run_id"))
                .extracting(row -> row.getLong(0) + " " + row.getLong(1))
                .containsExactly("1 0", "0 0", "0 0", "0 0", "0 0", "0 1");
        Files.writeString(catalog.resolve("worse.png"), "no image");
        assertThat(generate("--fail-on", "new").exitCode()).isEqualTo(Main.STYLES_FAILED);
        assertThat(generate("--fail-on", "never").exitCode()).isZero();
        assertThat(generate("--fail-on", "always").exitCode()).isEqualTo(Main.UNUSABLE);
    }

    @Test
    void aRunThatGoesWrongIsStopped() throws IOException {
        for (int i = 0; i < 6; i++) {
            Files.writeString(catalog.resolve("bad" + i + ".png"), "text");
        }
        copy("0.png", "good.png");
        CommandLineRun run = generate("--max-failed-ratio", "0.5");
        assertThat(run.exitCode()).isEqualTo(Main.STOPPED);
        assertThat(run.err()).contains("styles failed, more than --max-failed-ratio 0.5 allows; nothing was committed");
        assertThat(output.resolve("manifest")).doesNotExist();
        assertThat(generate("--max-failed-ratio", "0.9").exitCode()).isEqualTo(Main.STYLES_FAILED);
        assertUnusable(generate("--max-failed-ratio", "5"), "Invalid --max-failed-ratio: 5.0 (expected 0 to 1)");
    }

    @Test
    void aFullDiskCostsWhatIsBeingWritten() throws IOException {
        for (int i = 0; i < 8; i++) {
            copy("%d.png".formatted(i % 3), "style" + i + ".png");
        }
        Object[] onFullDisk = {
            "--conf",
            "spark.hadoop.fs.file.impl=" + FullDiskFileSystem.class.getName(),
            "--conf",
            "spark.hadoop.fs.file.impl.disable.cache=true",
            "--batch-size",
            "1"
        };
        try {
            // room for a probe, the plan, and a few LoRAs of 1.9 MB
            FullDiskFileSystem.ROOM.set(5_000_000);
            CommandLineRun full = generate(onFullDisk);
            assertThat(full.exitCode()).isEqualTo(Main.BROKEN);
            assertThat(full.err().lines())
                    .singleElement(STRING)
                    .contains("the disk is full")
                    .contains("what was finished is kept");
            int kept = allFiles(output.resolve("loras")).size();
            assertThat(kept).isBetween(1, 3);
            FullDiskFileSystem.ROOM.set(Long.MAX_VALUE);
            CommandLineRun again = generate(onFullDisk);
            assertThat(again.exitCode()).as(again.err()).isZero();
            assertThat(rows("SELECT DISTINCT style_id FROM loras WHERE lora_uri IS NOT NULL"))
                    .hasSize(8);
            assertThat(allFiles(output.resolve("loras"))).hasSize(8);
        } finally {
            FullDiskFileSystem.ROOM.set(Long.MAX_VALUE);
        }
    }

    @Test
    void anImageOnAFailingDiskCostsItsStyle() throws IOException {
        copy("0.png", "a.png");
        copy("1.png", FailingDiskFileSystem.BROKEN + ".png");
        copy("2.png", "z.png");
        CommandLineRun run = generate(
                "--conf",
                "spark.hadoop.fs.file.impl=" + FailingDiskFileSystem.class.getName(),
                "--conf",
                "spark.hadoop.fs.file.impl.disable.cache=true");
        assertThat(run.exitCode()).as(run.err()).isEqualTo(Main.STYLES_FAILED);
        assertThat(run.out())
                .contains("2 done, 0 skipped (unchanged), 1 failed")
                .contains("Input/output error");
        assertThat(rows("SELECT error_class FROM loras WHERE status = 'failed'"))
                .extracting(row -> row.getString(0))
                .containsExactly("store_read");
        assertThat(generate().out()).contains("1 done, 2 skipped (unchanged), 0 failed");
    }

    @Test
    void theManifestIsQueried() throws IOException {
        copy("0.png", "0.png");
        assertThat(generate().exitCode()).isZero();
        CommandLineRun wrong = CommandLineRun.of("query", output, "SELECT nonsense FROM loras");
        assertThat(wrong.exitCode()).isEqualTo(Main.UNUSABLE);
        assertThat(wrong.err()).contains("Cannot run the query").contains("`nonsense` cannot be resolved");
        assertUnusable(CommandLineRun.of("query", output, "SELEC 1"), "Cannot run the query: [PARSE_SYNTAX_ERROR]");
        String overwrite = "INSERT OVERWRITE DIRECTORY '%s' USING parquet SELECT 1".formatted(output.resolve("loras"));
        assertUnusable(CommandLineRun.of("query", output, overwrite), "InsertIntoDir is not allowed");
        assertThat(CommandLineRun.of("verify", "--output", output).exitCode()).isZero();
        assertThat(Path.of("spark-warehouse")).doesNotExist();
        assertThat(CommandLineRun.of("query", output, "SELECT raise_error('x') FROM images WHERE uri = 'none'")
                        .exitCode())
                .isZero();
    }

    @Test
    void localImagesOfATableAreOnlyReadBelowTheRoot() throws IOException {
        Path elsewhere = Files.copy(IMAGES.resolve("0.png"), folder.resolve("elsewhere.png"));
        Path csv = Files.writeString(catalog.resolve("styles.csv"), "style_id,image\nx," + elsewhere + "\n");
        CommandLineRun refused = generateFrom(csv);
        assertThat(refused.exitCode()).isEqualTo(Main.STYLES_FAILED);
        assertThat(refused.out()).contains("x: [image_forbidden]").contains("only read below --catalog-root");
        assertThat(generateFrom(csv, "--catalog-root", "file:" + folder).out()).contains("1 done");
    }

    @Test
    void refusesCredentialsInUris() {
        CommandLineRun run = generate("--catalog", "s3a://AKIA:canary@bucket/photos");
        assertUnusable(run, "Cannot use --catalog: the URI holds credentials");
        assertThat(run.err()).doesNotContain("canary");
        assertUnusable(generate("--output", "s3a://AKIA:canary@bucket/out"), "Cannot use --output");
        assertUnusable(CommandLineRun.of("query", "s3a://AKIA:canary@bucket/out"), "Cannot use OUTPUT");
        assertUnusable(generate("--conf", "fs.s3a.secret.key=canary"), "expected a name that begins with 'spark.'");
    }

    @Test
    void refusesToRunWhatCannotRun() throws IOException {
        assertUnusable(generate(), "it holds no images (expected files ending in .jpg");
        copy("0.png", "0.png");
        assertUnusable(generateFrom(folder.resolve("nowhere")), "there is no such file or folder");
        assertUnusable(generate("--models", folder.resolve("nowhere")), "is not a folder");
        assertUnusable(
                generate("--models", folder),
                "SigLIP2-G384/model.safetensors: checkpoint missing; the model folder must mirror the hub's folders");
        assertUnusable(generate("--device", "gpu"), "Cannot use GPU 0: libtorch 2.7.1+cpu of");
        assertUnusable(
                generate("--variants", "stile"),
                "Invalid variant: 'stile' (expected one of: style, coarse, fine, bias)");
        assertUnusable(generate("--variants", "style,fine"), "fine without coarse");
        assertUnusable(generate("--variants", "bias"), "bias alone");
        assertUnusable(generate("--batch-size", "-1"), "Invalid --batch-size");
        assertUnusable(generate("--max-pixels", "0"), "Invalid --max-pixels");
        Path file = Files.writeString(folder.resolve("file"), "");
        assertUnusable(generate("--output", file.resolve("out")), "Cannot write to output file:" + file.resolve("out"));
        assertThat(output).doesNotExist();
    }

    @Test
    void refusesWrongUsage() {
        CommandLineRun mistyped = CommandLineRun.of("generate", "--catlog", "x");
        assertUnusable(mistyped, "Unknown option: '--catlog'");
        assertUnusable(mistyped, "Possible solutions: --catalog");
        assertUnusable(CommandLineRun.of("generate"), "Missing required options: '--catalog=URI'");
        assertUnusable(CommandLineRun.of("generate", "--precision", "float8"), "float8");
        assertUnusable(CommandLineRun.of("frobnicate"), "frobnicate");
        assertUnusable(CommandLineRun.of(), "Usage: i2l");
    }

    @Test
    void helpTeaches() {
        CommandLineRun help = CommandLineRun.of("generate", "--help");
        assertThat(help.exitCode()).isZero();
        assertThat(help.out()).contains("Examples:").contains("Exit codes:").contains("--dry-run");
        assertThat(CommandLineRun.of("--version").out()).startsWith("i2l-spark ");
    }

    @Test
    void dryRunWritesNothing() throws IOException {
        copy("0.png", "0.png");
        CommandLineRun run = generate("--dry-run");
        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).contains("1 styles, 1 images").contains("Dry run: nothing was written.");
        assertThat(output).doesNotExist();
    }

    @Test
    void aModelThatCannotBeLoadedBreaksTheRun() throws IOException {
        copy("0.png", "0.png");
        Path broken = folder.resolve("broken");
        SampleModels.write(broken);
        Path decoder = broken.resolve(BaseModel.QWEN_IMAGE.path(Variant.STYLE));
        String header = new String(Files.readAllBytes(decoder), StandardCharsets.ISO_8859_1);
        Files.writeString(
                decoder, header.replaceFirst("\"dtype\":\"F32\"", "\"dtype\":\"I32\""), StandardCharsets.ISO_8859_1);
        CommandLineRun run = generate("--models", broken);
        assertThat(run.exitCode()).isEqualTo(Main.BROKEN);
        assertThat(run.err())
                .contains("the run broke")
                .contains("[checkpoint] ")
                .contains("weights of type I32 are not supported");
        assertThat(allFiles(output.resolve("loras"))).isEmpty();
        assertThat(output.resolve("manifest")).doesNotExist();
    }

    @Test
    void aBrokenRunKeepsWhatItFinished() throws IOException {
        for (int i = 0; i < 12; i++) {
            copy("%d.png".formatted(i % 2), "style" + i + ".png");
        }
        CommandLineRun broken = generate(faulty(FaultPlugin.CANCEL_AFTER_A_TASK));
        assertThat(FaultPlugin.struck()).isEqualTo(1);
        assertThat(broken.exitCode()).isEqualTo(Main.BROKEN);
        assertThat(output.resolve("manifest")).doesNotExist();
        int finished = allFiles(output.resolve("_i2l/receipts")).size();
        assertThat(finished).isBetween(1, 11);

        // a thread of the cancelled task may have finished one more
        assertThat(generate().out()).containsPattern("Styles: \\d+ done, [1-9]\\d* skipped \\(unchanged\\), 0 failed");
        assertThat(rows("SELECT * FROM loras WHERE style_embedding IS NOT NULL"))
                .hasSize(12);
        assertThat(rows("SELECT * FROM images WHERE siglip2 IS NOT NULL")).hasSize(12);
        assertThat(rows("SELECT status FROM runs"))
                .extracting(row -> row.getString(0))
                .containsExactly("done");

        // the run that took them up carries their embeddings, and later ones refer to it
        assertThat(rows("SELECT * FROM loras WHERE embeddings_run IS NOT NULL")).isEmpty();
        assertThat(generate().out()).contains("0 done, 12 skipped");
        assertThat(rows("SELECT DISTINCT embeddings_run FROM loras WHERE embeddings_run IS NOT NULL"))
                .isEqualTo(rows("SELECT min(run_id) FROM runs"));
        assertThat(rows("SELECT * FROM loras WHERE style_embedding IS NOT NULL"))
                .hasSize(24);
        assertThat(rows("SELECT * FROM images WHERE siglip2 IS NOT NULL AND dinov3 IS NOT NULL"))
                .hasSize(24);
    }

    @Test
    void ofSeveralAttemptsAtAPartitionOneCounts() throws IOException {
        for (int i = 0; i < 4; i++) {
            copy("%d.png".formatted(i % 2), "style" + i + ".png");
        }
        CommandLineRun run = generate(faulty(FaultPlugin.KILL_FIRST_ATTEMPT));
        assertThat(FaultPlugin.struck()).isEqualTo(1);
        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).contains("4 done, 0 skipped (unchanged), 0 failed");
        assertThat(rows("SELECT * FROM loras")).hasSize(4);
        assertThat(rows("SELECT * FROM images")).hasSize(4);
        assertThat(output.resolve("_i2l/runs")).doesNotExist();
    }

    private static Object[] faulty(String fault) {
        return new Object[] {
            "--master",
            "local[1]",
            "--batch-size",
            "1",
            "--conf",
            "spark.plugins=" + FaultPlugin.class.getName(),
            "--conf",
            FaultPlugin.FAULT + "=" + fault
        };
    }

    @Test
    void settingsReachSpark() throws IOException {
        copy("0.png", "0.png");
        Path file = Files.writeString(folder.resolve("i2l.conf"), "spark.master of-the-file\n");
        assertMaster("of-the-file", CommandLineRun.of(withoutMaster("--properties-file", file)));
        assertMaster("of-the-option", generate("--properties-file", file, "--master", "of-the-option"));
        assertMaster(
                "of-the-setting",
                generate("--properties-file", file, "--master", "local[2]", "--conf", "spark.master=of-the-setting"));
    }

    private Object[] withoutMaster(Object... more) {
        List<Object> args =
                new ArrayList<>(List.of("generate", "--catalog", catalog, "--models", models, "--output", output));
        args.addAll(Arrays.asList(more));
        return args.toArray();
    }

    private static void assertMaster(String expected, CommandLineRun run) {
        assertThat(run.exitCode()).isEqualTo(Main.BROKEN);
        assertThat(run.err()).contains("Could not parse Master URL: '" + expected + "'");
    }

    private void copy(String image, String to) throws IOException {
        Path target = catalog.resolve(to);
        Files.createDirectories(target.getParent());
        Files.copy(IMAGES.resolve(image), target);
    }

    private CommandLineRun generate(Object... more) {
        return generateFrom(catalog, more);
    }

    /** The options that every run needs, unless {@code more} names them. */
    private CommandLineRun generateFrom(Path from, Object... more) {
        List<Object> args = new ArrayList<>(List.of("generate"));
        Map<String, Object> needed =
                Map.of("--catalog", from, "--models", models, "--output", output, "--master", "local[2]");
        needed.forEach((name, value) -> {
            if (!Arrays.asList(more).contains(name)) {
                args.addAll(List.of(name, value));
            }
        });
        args.addAll(Arrays.asList(more));
        return CommandLineRun.of(args.toArray());
    }

    private static void assertUnusable(CommandLineRun run, String message) {
        assertThat(run.err()).contains(message);
        assertThat(run.exitCode()).isEqualTo(Main.UNUSABLE);
    }

    private List<Row> rows(String sql) throws IOException {
        try (SparkSession spark = Sessions.start("test", Map.of("spark.master", "local[1]"))) {
            Storage storage = new Storage(spark.sparkContext().hadoopConfiguration());
            Manifest manifest = new Manifest(spark, storage, new org.apache.hadoop.fs.Path(output.toUri()));
            manifest.createViews();
            return spark.sql(sql).collectAsList();
        }
    }

    private Map<String, Row> lorasByStyle() throws IOException {
        Map<String, Row> byStyle = new HashMap<>();
        rows("SELECT * FROM loras ORDER BY run_id").forEach(row -> byStyle.put(row.getAs("style_id"), row));
        return byStyle;
    }

    private static Path loraFile(Row row) {
        return Path.of(URI.create(row.<String>getAs("lora_uri").replace(" ", "%20")));
    }

    private static List<String> allFiles(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile)
                    .map(Path::toString)
                    .sorted()
                    .toList();
        }
    }

    private Map<String, Long> modificationTimes() throws IOException {
        Map<String, Long> times = new HashMap<>();
        for (String file : allFiles(output.resolve("loras"))) {
            times.put(file, Files.getLastModifiedTime(Path.of(file)).toMillis());
        }
        return times;
    }

    private static void assertClose(Map<String, FloatTensor> actual, Map<String, FloatTensor> expected) {
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, tensor) -> {
            assertThat(actual.get(name).shape()).isEqualTo(tensor.shape());
            assertThat(actual.get(name).values()).containsExactly(tensor.values(), Offset.offset(1e-4f));
        });
    }

    private static void assertClose(List<Float> actual, float[] expected) {
        float[] values = new float[actual.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = actual.get(i);
        }
        assertThat(values).containsExactly(expected, Offset.offset(1e-4f));
    }
}
