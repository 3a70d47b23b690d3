package org.i2lspark.jobs.cli;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.when;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.EmbeddedSpark;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.generate.PreviewJob;
import org.i2lspark.jobs.generate.ProgressDisplay;
import org.i2lspark.jobs.maintenance.VacuumJob;
import org.i2lspark.jobs.maintenance.VerifyJob;
import org.i2lspark.jobs.options.DeviceChoice;
import org.i2lspark.jobs.options.PictureStackChoice;
import org.i2lspark.jobs.options.PrecisionChoice;
import org.i2lspark.jobs.options.PreviewSpec;
import org.i2lspark.jobs.output.LoraCheck.Kind;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.PreviewCounts;
import org.i2lspark.model.ReferenceCase;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Previews of an output that changes, is damaged, or was left by a run that was killed. */
class PreviewJobTest {
    private static final Path IMAGES = Path.of(System.getProperty("i2l.reference"), "images");
    private static final String SPEC = "prompts: [a cat, a dog]\nsize: 32x16\nsteps: 2\ncfg: 1\n";

    @TempDir
    private static Path made;

    private static Path models;
    private static SparkSession spark;

    @TempDir
    private Path folder;

    private Path output;
    private Storage storage;
    private OutputLayout layout;
    private Manifest manifest;

    /** Three styles of two brands. */
    @BeforeAll
    static void makeLoras() throws IOException {
        models = made.resolve("models");
        ReferenceCase.generate().writeModels(ReferenceCase.tiny().writeModels(models));
        for (String style : List.of("acme/b", "acme/a", "solo")) {
            Path image = made.resolve("catalog/" + style + "/image.png");
            Files.createDirectories(image.getParent());
            Files.copy(IMAGES.resolve(style.endsWith("a") ? "0.png" : "1.png"), image);
        }
        CommandLineRun run = CommandLineRun.of(
                "generate", "--catalog", made.resolve("catalog"), "--models", models, "--output", made.resolve("out"));
        assertThat(run.exitCode()).as(run.err()).isZero();
        spark = EmbeddedSpark.start();
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    @BeforeEach
    void copyThem() throws IOException {
        output = folder.resolve("out");
        try (Stream<Path> all = Files.walk(made.resolve("out"))) {
            for (Path path : all.toList()) {
                Files.copy(
                        path,
                        output.resolve(made.resolve("out").relativize(path).toString()),
                        StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
        storage = new Storage(spark.sparkContext().hadoopConfiguration());
        layout = new OutputLayout(output.toUri().toString());
        manifest = new Manifest(spark, storage, layout.output());
    }

    private PreviewJob job(String more) throws IOException {
        PreviewSpec spec = PreviewSpec.parse("previews.yaml", "", SPEC + more);
        PictureStackChoice choice =
                new PictureStackChoice(models.toString(), DeviceChoice.CPU, PrecisionChoice.AUTO, 2, 0);
        return new PreviewJob(spark, output.toString(), choice, spec, ProgressDisplay.none(), line -> {});
    }

    /** How many were done, skipped and failed. */
    private List<Long> make(String more) throws IOException {
        PreviewJob job = job(more);
        PreviewCounts counts = job.execute(job.plan()).counts();
        return List.of(counts.done(), counts.skipped(), counts.failed());
    }

    private VerifyJob verify() {
        return new VerifyJob(spark, storage, layout);
    }

    private VacuumJob.Report vacuum() throws IOException {
        return new VacuumJob(spark, storage, layout).execute(Duration.ZERO, false);
    }

    private List<Row> rows(String where) throws IOException {
        return manifest.rows(ManifestTable.PREVIEWS).where(where).collectAsList();
    }

    /** Their hashes by path relative to the output. */
    private Map<String, String> pictures() throws IOException {
        Map<String, String> hashes = new TreeMap<>();
        try (Stream<Path> all = Files.walk(output.resolve("previews"))) {
            for (Path path : all.filter(Files::isRegularFile).toList()) {
                hashes.put(output.relativize(path).toString(), Hashes.sha256(Files.readAllBytes(path)));
            }
        }
        return hashes;
    }

    @Test
    void onlyWhatChangedIsMadeAgain() throws IOException {
        assertThat(make("")).containsExactly(8L, 0L, 0L);
        Map<String, String> before = pictures();
        List<Path> files = before.keySet().stream().map(output::resolve).toList();
        Files.delete(files.get(0));
        byte[] damaged = Files.readAllBytes(files.get(1));
        damaged[damaged.length / 2]++;
        Files.write(files.get(1), damaged);
        Files.write(files.get(2), Arrays.copyOf(Files.readAllBytes(files.get(2)), 100));
        Files.copy(files.get(4), files.get(3), StandardCopyOption.REPLACE_EXISTING);
        assertThat(make("")).containsExactly(4L, 4L, 0L);
        assertThat(pictures()).isEqualTo(before);
        assertThat(rows("status = 'skipped' AND sha256 IS NOT NULL")).hasSize(4);
        assertThat(make("seed: 1\n")).containsExactly(8L, 0L, 0L);
        assertThat(pictures()).hasSize(16).containsAllEntriesOf(before);
    }

    /** Of a run that was killed there are pictures, and no rows. */
    @Test
    void whatARunLeftBehindIsTakenUpOrRemoved() throws IOException {
        make("");
        Map<String, String> before = pictures();
        forgetRun(rows("true").get(0).getAs("run_id"));
        assertThat(verify().execute().counts()).containsExactly(Map.entry(Kind.NO_ROW, 8L));
        assertThat(make("")).containsExactly(0L, 8L, 0L);
        assertThat(verify().execute().isClean()).isTrue();
        Path foreign = Files.writeString(output.resolve("previews/mine-0123456789abcdef.png"), "not ours");
        Path named = output.resolve(before.keySet().iterator().next());
        Path other = Files.copy(named, output.resolve("previews/mine.png"));
        Files.copy(named, output.resolve("previews/stray-0123456789abcdef.png"));
        VacuumJob.Report removed = vacuum();
        assertThat(removed.previews()).containsExactly("previews/stray-0123456789abcdef.png");
        assertThat(removed.previewBytes()).isEqualTo(Files.size(named));
        assertThat(removed.loraCount()).isZero();
        Files.delete(foreign);
        Files.delete(other);
        assertThat(pictures()).isEqualTo(before);
    }

    private void forgetRun(String run) throws IOException {
        try (Stream<Path> all = Files.walk(output.resolve("manifest"))) {
            for (Path path : all.filter(Files::isRegularFile).toList()) {
                if (path.toString().contains(run)) {
                    Files.delete(path);
                }
            }
        }
    }

    @Test
    void damageIsFoundAndRepaired() throws IOException {
        make("");
        Map<String, String> before = pictures();
        List<Path> files = before.keySet().stream().map(output::resolve).toList();
        Files.write(files.get(0), new byte[] {1});
        Files.delete(files.get(1));
        VerifyJob.Report found = verify().repair();
        assertThat(found.previews()).isEqualTo(8);
        assertThat(found.counts()).containsExactly(Map.entry(Kind.MISSING, 1L), Map.entry(Kind.WRONG_SIZE, 1L));
        assertThat(files.get(0)).doesNotExist();
        assertThat(make("")).containsExactly(2L, 6L, 0L);
        assertThat(pictures()).isEqualTo(before);
        assertThat(verify().execute().isClean()).isTrue();
    }

    @Test
    void rowsThatAreDamagedAreFound() throws IOException {
        make("");
        String run = rows("true").get(0).getAs("run_id");
        try (Stream<Path> files = Files.list(output.resolve("manifest/previews/commit=" + run))) {
            Path file = files.filter(path -> path.toString().endsWith(".parquet"))
                    .findFirst()
                    .orElseThrow();
            byte[] bytes = Files.readAllBytes(file);
            bytes[bytes.length / 2]++;
            Files.write(file, bytes);
        }
        assertThat(verify().execute().counts()).containsExactly(Map.entry(Kind.MANIFEST, 1L));
        verify().repair();
        assertThat(rows("true")).isEmpty();
        assertThat(manifest.rows(ManifestTable.LORAS).count()).isEqualTo(3);
        assertThat(make("")).containsExactly(0L, 8L, 0L);
    }

    @Test
    void aLoraThatCannotBeReadCostsItsPreviewsOnly() throws IOException {
        String path = manifest.rows(ManifestTable.LORAS)
                .where("style_id = 'solo'")
                .first()
                .getAs("lora_path");
        Path lora = output.resolve(path);
        byte[] bytes = Files.readAllBytes(lora);
        Files.write(lora, Arrays.copyOf(bytes, bytes.length / 2));
        assertThat(make("")).containsExactly(6L, 0L, 2L);
        List<Row> failed = rows("status = 'failed'");
        assertThat(failed).hasSize(2).allSatisfy(row -> {
            assertThat(row.<String>getAs("style_id")).isEqualTo("solo");
            assertThat(row.<String>getAs("error_class")).isEqualTo("lora_unreadable");
            assertThat(row.<String>getAs("error_message")).contains(path);
            assertThat(row.<String>getAs("preview_path")).isNull();
        });
    }

    @Test
    void lorasForAnotherBaseModelAreLeftOut() throws IOException {
        setBaseModel("z-image", "style_id = 'solo'");
        assertThat(job("").foresee().styles()).isEqualTo(2);
        setBaseModel(null, "style_id <> 'solo'");
        assertThat(job("").foresee().styles()).isEqualTo(2);
        setBaseModel("z-image", "true");
        assertThatThrownBy(() -> job("").plan())
                .isInstanceOf(UnusableException.class)
                .hasMessage("Cannot make previews of %s: it has no LoRA for Qwen-Image".formatted(layout.output()));
    }

    /** As if the LoRAs of these styles had been made for it. */
    private void setBaseModel(String name, String styles) throws IOException {
        String run = manifest.rows(ManifestTable.LORAS).first().getAs("run_id");
        Path rows = output.resolve("manifest/loras/commit=" + run);
        Path changed = folder.resolve("changed");
        spark.read()
                .parquet(rows.toString())
                .withColumn("base_model", when(expr(styles), lit(name)).otherwise(col("base_model")))
                .write()
                .mode(SaveMode.Overwrite)
                .parquet(changed.toString());
        for (Path from : List.of(rows, changed)) {
            try (Stream<Path> files = Files.list(from)) {
                for (Path file : files.filter(path -> path.toString().endsWith(".parquet"))
                        .toList()) {
                    if (from.equals(rows)) {
                        Files.delete(file);
                    } else {
                        Files.move(file, rows.resolve(file.getFileName()));
                    }
                }
            }
        }
    }

    @Test
    void stylesAreChosen() throws IOException {
        assertThat(job("styles: first of brand\n").foresee().previews()).isEqualTo(6);
        assertThat(output.resolve("previews")).doesNotExist();
        make("styles: first of brand\n");
        assertThat(rows("prompt = 'a cat'"))
                .extracting(row -> row.getAs("style_id"))
                .containsExactlyInAnyOrder(null, "acme/a", "solo");
        assertThat(make("styles: every 2\n")).containsExactly(0L, 6L, 0L);
        assertThat(make("styles: every 3\n")).containsExactly(0L, 4L, 0L);
    }
}
