package org.i2lspark.jobs.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.EmbeddedSpark;
import org.i2lspark.jobs.maintenance.CompactJob;
import org.i2lspark.jobs.maintenance.VacuumJob;
import org.i2lspark.jobs.storage.Storage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ManifestTest {
    @TempDir
    private java.nio.file.Path folder;

    private SparkSession spark;
    private Storage storage;
    private OutputLayout layout;
    private Manifest manifest;

    @BeforeEach
    void start() {
        spark = EmbeddedSpark.start();
        storage = new Storage(spark.sparkContext().hadoopConfiguration());
        layout = new OutputLayout(folder.toUri().toString());
        manifest = new Manifest(spark, storage, layout.output());
    }

    @AfterEach
    void stop() throws IOException {
        spark.close();
    }

    private void commit(String runId, int styles, Manifest.Expected expected) throws IOException {
        Path scratch = layout.run(runId);
        List<String> loraFiles = new ArrayList<>();
        List<String> imageFiles = new ArrayList<>();
        for (int i = 0; i < styles; i++) {
            String style = "style" + i;
            storage.replace(new Path(layout.loras(), style + ".safetensors"), scratch, new byte[] {1});
            Rows loras = new Rows(ManifestTable.LORAS);
            loras.add(row -> row.text("run_id", runId)
                    .text("style_id", style)
                    .text("status", "done")
                    .text("lora_path", "loras/" + style + ".safetensors")
                    .text("key_format", "comfyui")
                    .text("dtype", "bfloat16")
                    .texts("variants", List.of("style"))
                    .integer("image_count", 1)
                    .textMap("checkpoints", Map.of())
                    .floats("style_embedding", new float[] {1, 2})
                    .time("created_at", Instant.EPOCH));
            loraFiles.add(stage(scratch, "loras" + i, loras));
            Rows images = new Rows(ManifestTable.IMAGES);
            images.add(row -> row.text("run_id", runId)
                    .text("style_id", style)
                    .integer("position", 0)
                    .text("uri", style + ".png")
                    .text("status", "done"));
            imageFiles.add(stage(scratch, "images" + i, images));
        }
        Rows run = new Rows(ManifestTable.RUNS);
        run.add(row -> row.text("run_id", runId)
                .text("commit", runId)
                .text("status", "done")
                .time("started_at", Instant.EPOCH)
                .time("finished_at", Instant.EPOCH)
                .decimal("seconds", 1.0)
                .text("catalog", "c")
                .textMap("options", Map.of())
                .textMap("versions", Map.of())
                .number("styles_done", (long) styles)
                .number("styles_skipped", 0L)
                .number("styles_failed", 0L)
                .number("images", (long) styles)
                .number("lora_bytes", 0L));
        manifest.commitRun(runId, loraFiles, imageFiles, expected, 1000, scratch, run);
        storage.delete(scratch);
    }

    private String stage(Path scratch, String name, Rows rows) throws IOException {
        Path file = new Path(scratch, "rows/" + name + ".parquet");
        storage.replace(file, scratch, rows.toParquet());
        return file.toString();
    }

    private long count(ManifestTable table) throws IOException {
        return manifest.rows(table).count();
    }

    @Test
    void aRunThatDoesNotAccountForItsCatalogIsNotCommitted() throws IOException {
        commit("20260101T000000Z-aaaa", 3, new Manifest.Expected(3, 3));
        assertThatThrownBy(() -> commit("20260102T000000Z-bbbb", 2, new Manifest.Expected(3, 3)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("the catalog has 3 styles and 3 images, the run has rows for 2 styles");
        assertThatThrownBy(() -> commit("20260103T000000Z-cccc", 3, new Manifest.Expected(3, 4)))
                .hasMessageContaining("nothing was committed");
        // its files are there, and no reader counts them
        assertThat(storage.files(manifest.folder(ManifestTable.LORAS, "20260102T000000Z-bbbb")))
                .isNotEmpty();
        assertThat(count(ManifestTable.LORAS)).isEqualTo(3);
        assertThat(count(ManifestTable.IMAGES)).isEqualTo(3);
        assertThat(count(ManifestTable.RUNS)).isEqualTo(1);
        VacuumJob vacuum = new VacuumJob(spark, storage, layout);
        assertThat(vacuum.execute(Duration.ofHours(1), false).manifestFiles()).isEmpty();
        assertThat(vacuum.execute(Duration.ZERO, false).manifestFiles())
                .hasSize(4)
                .noneMatch(file -> file.contains("aaaa"));
        assertThat(count(ManifestTable.LORAS)).isEqualTo(3);
    }

    @Test
    void aRunCommitsOnce() throws IOException {
        commit("20260101T000000Z-aaaa", 1, new Manifest.Expected(1, 1));
        byte[] committed = storage.readAll(manifest.runFile("20260101T000000Z-aaaa"), 1 << 20);
        assertThatThrownBy(() -> commit("20260101T000000Z-aaaa", 2, new Manifest.Expected(2, 2)))
                .isInstanceOf(IOException.class);
        assertThat(storage.readAll(manifest.runFile("20260101T000000Z-aaaa"), 1 << 20))
                .isEqualTo(committed);
    }

    @Test
    void readersAreNotDisturbedByCompaction() throws IOException {
        for (int i = 0; i < 5; i++) {
            commit("2026010%dT000000Z-aaaa".formatted(i + 1), 4, new Manifest.Expected(4, 4));
        }
        Dataset<Row> before = manifest.rows(ManifestTable.LORAS);
        CompactJob.Report report = new CompactJob(spark, storage, layout).execute(false);
        assertThat(report.commits()).isEqualTo(5);
        assertThat(report.filesBefore()).isEqualTo(15);
        assertThat(report.filesAfter()).isEqualTo(3);
        assertThat(manifest.commits()).hasSize(1);
        // one that began before and one that begins after
        assertThat(before.count()).isEqualTo(20);
        assertThat(count(ManifestTable.LORAS)).isEqualTo(20);
        assertThat(count(ManifestTable.IMAGES)).isEqualTo(20);
        assertThat(count(ManifestTable.RUNS)).isEqualTo(5);
        assertThat(new VacuumJob(spark, storage, layout)
                        .execute(Duration.ofHours(1), false)
                        .manifestFiles())
                .isEmpty();
        assertThat(before.count()).isEqualTo(20);

        // a run after it counts beside it, and a second compaction replaces the first
        commit("20990101T000000Z-bbbb", 4, new Manifest.Expected(4, 4));
        assertThat(count(ManifestTable.LORAS)).isEqualTo(24);
        assertThat(new CompactJob(spark, storage, layout).execute(false).commits())
                .isEqualTo(2);
        assertThat(manifest.commits()).containsExactly("20990101T000000Z-bbbb-c");
        assertThat(count(ManifestTable.LORAS)).isEqualTo(24);
        assertThat(new VacuumJob(spark, storage, layout)
                        .execute(Duration.ZERO, false)
                        .manifestFiles())
                .hasSize(21);
        assertThat(count(ManifestTable.LORAS)).isEqualTo(24);
        assertThat(manifest.rows(ManifestTable.LORAS)
                        .select("run_id")
                        .distinct()
                        .count())
                .isEqualTo(6);
    }
}
