package org.i2lspark.jobs.output;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.EmbeddedSpark;
import org.i2lspark.jobs.maintenance.CompactJob;
import org.i2lspark.jobs.maintenance.VacuumJob;
import org.i2lspark.jobs.output.Manifest.StagedRun;
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
    private Map<String, String> versions = Manifest.VERSION;
    private int committed;
    private int refused;

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

    /** A run of styles that all came out well. */
    private void commit(String runId, int styles, Manifest.Expected expected) throws IOException {
        List<Outcome> outcomes = new ArrayList<>();
        for (int i = 0; i < styles; i++) {
            outcomes.add(Outcome.done("style" + i));
        }
        commit(runId, outcomes, expected);
    }

    /**
     * What became of a style.
     *
     * @param errorClass null when it did not fail
     * @param embeddingsRun null when the row carries its embedding
     * @param imageCount that it says
     * @param image style of its one image row
     * @param position of its one image row
     */
    private record Outcome(
            String style, String errorClass, String embeddingsRun, int imageCount, String image, int position) {
        Outcome(String style, String errorClass, String embeddingsRun) {
            this(style, errorClass, embeddingsRun, 1, style, 0);
        }

        static Outcome done(String style) {
            return new Outcome(style, null, null);
        }

        Outcome withImage(String image, int position) {
            return new Outcome(style, errorClass, embeddingsRun, imageCount, image, position);
        }

        Outcome withImageCount(int count) {
            return new Outcome(style, errorClass, embeddingsRun, count, image, position);
        }

        static Outcome failed(String style, String errorClass) {
            return new Outcome(style, errorClass, null);
        }

        float[] embedding(float value) {
            return errorClass == null && embeddingsRun == null ? new float[] {value, 2} : null;
        }
    }

    private FailureReport commit(String runId, List<Outcome> outcomes) throws IOException {
        return commit(runId, outcomes, new Manifest.Expected(outcomes.size(), outcomes.size()));
    }

    private FailureReport commit(String runId, List<Outcome> outcomes, Manifest.Expected expected) throws IOException {
        Path scratch = layout.run(runId);
        List<StagedRows> staged = new ArrayList<>();
        for (Outcome outcome : outcomes) {
            String style = outcome.style();
            String status = outcome.errorClass() == null ? "done" : "failed";
            storage.replace(new Path(layout.loras(), style + ".safetensors"), scratch, new byte[] {1});
            Rows loras = new Rows(ManifestTable.LORAS);
            loras.add(row -> row.text("run_id", runId)
                    .text("style_id", style)
                    .text("status", status)
                    .text("error_class", outcome.errorClass())
                    .text("lora_path", outcome.errorClass() == null ? "loras/" + style + ".safetensors" : null)
                    .text("key_format", "comfyui")
                    .text("dtype", "bfloat16")
                    .texts("variants", List.of("style"))
                    .integer("image_count", outcome.imageCount())
                    .textMap("checkpoints", Map.of())
                    .floats("style_embedding", outcome.embedding(1))
                    .text("embeddings_run", outcome.embeddingsRun())
                    .time("created_at", Instant.EPOCH.plusSeconds(committed)));
            Rows images = new Rows(ManifestTable.IMAGES);
            images.add(row -> row.text("run_id", runId)
                    .text("style_id", outcome.image())
                    .integer("position", outcome.position())
                    .text("uri", style + ".png")
                    .text("status", status)
                    .floats("siglip2", outcome.embedding(3))
                    .floats("dinov3", outcome.embedding(4))
                    .text("embeddings_run", outcome.embeddingsRun()));
            staged.add(new StagedRows(
                    stage(scratch, "loras-" + staged.size(), loras),
                    stage(scratch, "images-" + staged.size(), images),
                    1000));
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
                .textMap("versions", versions)
                .number("styles_done", (long) outcomes.size())
                .number("styles_skipped", 0L)
                .number("styles_failed", 0L)
                .number("images", (long) outcomes.size())
                .number("lora_bytes", 0L));
        StagedRun stagedRun = new StagedRun(runId, expected, staged, scratch);
        FailureReport failures = manifest.failures(stagedRun);
        manifest.commit(stagedRun, run);
        storage.delete(scratch);
        committed++;
        return failures;
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
    void aRunThatHasARowTwiceIsNotCommitted() {
        Outcome a = Outcome.done("a");
        Outcome b = Outcome.done("b");
        refuses(2, 2, List.of(a, a.withImage("a", 1)), "2 styles (1 different) and 2 images (2 different)");
        refuses(1, 2, List.of(a, a.withImage("a", 1)), "2 styles (1 different) and 2 images (2 different)");
        refuses(2, 2, List.of(a, b.withImage("a", 0)), "2 styles (2 different) and 2 images (1 different)");
        refuses(
                2,
                1,
                List.of(a, b.withImage("a", 0).withImageCount(0)),
                "2 styles (2 different) and 2 images (1 different)");
    }

    @Test
    void aRunWhoseStylesSayThatTheyHaveOtherImagesIsNotCommitted() {
        List<Outcome> outcomes = List.of(Outcome.done("a"), Outcome.done("b").withImageCount(2));
        refuses(2, 2, outcomes, "2 styles (2 different) and 2 images (2 different)");
    }

    private void refuses(long styles, long images, List<Outcome> rows, String found) {
        String id = "20260101T000000Z-" + (char) ('a' + refused++);
        assertThatThrownBy(() -> commit(id, rows, new Manifest.Expected(styles, images)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("the catalog has %d styles and %d images, the run has rows for %s"
                        .formatted(styles, images, found));
        assertThatThrownBy(() -> manifest.commits()).hasMessageContaining("no run is committed there");
    }

    @Test
    void aRunCommitsOnce() throws IOException {
        String id = "20260101T000000Z-aaaa";
        commit(id, 1, new Manifest.Expected(1, 1));
        byte[] committed = storage.readAll(manifest.runFile(id), 1 << 20);
        List<FileStatus> files = storage.files(new Path(layout.output(), "manifest"));
        assertThatThrownBy(() -> commit(id, 2, new Manifest.Expected(2, 2)))
                .isInstanceOf(IOException.class)
                .hasMessage("Cannot commit %s: another has committed under this id".formatted(id));
        assertThat(storage.readAll(manifest.runFile(id), 1 << 20)).isEqualTo(committed);
        assertThat(storage.files(new Path(layout.output(), "manifest"))).containsExactlyInAnyOrderElementsOf(files);
        assertThat(manifest.damages()).isEmpty();
    }

    /** Header, dictionary page, data, and footer of each file of a commit. */
    @Test
    void damageAnywhereInAFileIsFound() throws Exception {
        String commit = "20260101T000000Z-aaaa";
        commit(commit, 3, new Manifest.Expected(3, 3));
        assertThat(manifest.damages()).isEmpty();
        assertThat(new ProcessBuilder("sh", "-c", "sha256sum --strict --quiet -c manifest/sums/*.sha256")
                        .directory(folder.toFile())
                        .inheritIO()
                        .start()
                        .waitFor())
                .isZero();
        List<Path> files = new ArrayList<>(List.of(manifest.runFile(commit)));
        for (ManifestTable table : List.of(ManifestTable.LORAS, ManifestTable.IMAGES)) {
            files.add(file(table, commit));
        }
        for (Path file : files) {
            byte[] whole = storage.readAll(file, 1 << 20);
            int footer = ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getInt(whole.length - 8);
            int endOfPages = whole.length - 8 - footer;
            for (int position :
                    new int[] {0, 5, 30, endOfPages / 2, endOfPages + 5, endOfPages + footer / 2, whole.length - 8}) {
                byte[] flipped = whole.clone();
                flipped[position] ^= 1;
                requireDamaged(file, flipped, commit);
            }
            requireDamaged(file, Arrays.copyOf(whole, whole.length - 1), commit);
            requireDamaged(file, new byte[0], commit);
            storage.replace(file, layout.run("x"), whole);
        }
        Path sums = new Path(layout.output(), "manifest/sums/" + commit + ".sha256");
        byte[] whole = storage.readAll(sums, 1 << 20);
        for (int position : new int[] {0, 64, 70, whole.length - 1}) {
            byte[] flipped = whole.clone();
            flipped[position] ^= 1;
            requireDamaged(sums, flipped, commit);
        }
        requireDamaged(sums, Arrays.copyOf(whole, whole.length / 2), commit);
        storage.delete(sums);
        assertThat(manifest.damages()).containsOnlyKeys(commit);
        assertThat(manifest.damages().get(commit)).endsWith("manifest/sums/" + commit + ".sha256 is missing");
        storage.replace(sums, layout.run("x"), whole);
        assertThat(manifest.damages()).isEmpty();
        // and what was not part of it
        storage.replace(new Path(files.get(1).getParent(), "part-x.parquet"), layout.run("x"), whole);
        assertThat(manifest.damages()).containsOnlyKeys(commit);
        storage.delete(files.get(1));
        assertThat(manifest.damages()).containsOnlyKeys(commit);
    }

    private Path file(ManifestTable table, String commit) throws IOException {
        return storage.files(manifest.folder(table, commit)).stream()
                .map(FileStatus::getPath)
                .filter(path -> path.getName().endsWith(".parquet"))
                .findFirst()
                .orElseThrow();
    }

    private void requireDamaged(Path file, byte[] bytes, String commit) throws IOException {
        storage.replace(file, layout.run("x"), bytes);
        assertThat(manifest.damages())
                .as("%s, %d bytes", file, bytes.length)
                .containsOnlyKeys(commit)
                .allSatisfy((id, problem) -> assertThat(problem).contains("not what was committed"));
    }

    @Test
    void commitsOfEarlierVersionsAreValidAndCompactionVouchesForThemFromThenOn() throws IOException {
        versions = Map.of("i2l-spark", "0");
        commit("20260101T000000Z-aaaa", 1, new Manifest.Expected(1, 1));
        storage.delete(new Path(layout.output(), "manifest/sums"));
        versions = Manifest.VERSION;
        commit("20260102T000000Z-bbbb", 1, new Manifest.Expected(1, 1));
        assertThat(manifest.damages()).isEmpty();
        new CompactJob(spark, storage, layout, line -> {}).execute(false);
        assertThat(manifest.damages()).isEmpty();
        String commit = manifest.commits().get(0);
        Row oldest = manifest.rows(ManifestTable.RUNS).orderBy("run_id").first();
        assertThat(oldest.<String, String>getJavaMap(oldest.fieldIndex("versions")))
                .containsOnly(Map.entry("i2l-spark", "0"), Map.entry("manifest-sums", "sha256"));
        storage.delete(new Path(layout.output(), "manifest/sums/" + commit + ".sha256"));
        assertThat(manifest.damages()).containsOnlyKeys(commit);
    }

    @Test
    void whatWasSetAsideStaysAsLongAsVacuumIsToldTo() throws IOException {
        commit("20260101T000000Z-aaaa", 1, new Manifest.Expected(1, 1));
        commit("20260102T000000Z-bbbb", 1, new Manifest.Expected(1, 1));
        for (FileStatus file : storage.files(layout.output())) {
            Files.setLastModifiedTime(
                    java.nio.file.Path.of(file.getPath().toUri()),
                    FileTime.from(Instant.now().minus(Duration.ofDays(1))));
        }
        manifest.setAside("20260101T000000Z-aaaa", layout.damaged());
        assertThat(manifest.damages()).isEmpty();
        assertThat(storage.files(layout.damaged())).hasSize(2);
        VacuumJob vacuum = new VacuumJob(spark, storage, layout);
        assertThatThrownBy(() -> vacuum.execute(Duration.ZERO, false)).hasMessageContaining("nothing was removed");
        // as the next run does
        new Runs(storage, layout.runs()).giveUp("20260101T000000Z-aaaa");
        vacuum.execute(Duration.ofHours(1), false);
        assertThat(storage.files(layout.damaged())).hasSize(2);
        vacuum.execute(Duration.ZERO, false);
        assertThat(folder.resolve("_i2l/damaged")).doesNotExist();
        assertThat(manifest.damages()).isEmpty();
        assertThat(manifest.commits()).containsExactly("20260102T000000Z-bbbb");
    }

    /** A run was killed when it committed; a vacuum that leaves its young rows leaves what tells them from lost ones. */
    @Test
    void rowsOfAKilledRunAreNotTakenForThoseOfALostCommit() throws IOException {
        commit("20260101T000000Z-aaaa", 1, new Manifest.Expected(1, 1));
        String killed = "20260102T000000Z-bbbb";
        commit(killed, 1, new Manifest.Expected(1, 1));
        storage.delete(manifest.runFile(killed));
        String word = "{\"host\":\"%s\",\"pid\":%d,\"process_started\":1}"
                .formatted(
                        InetAddress.getLocalHost().getHostName(),
                        ProcessHandle.current().pid());
        storage.replace(
                new Path(layout.run(killed), "alive"), layout.run(killed), word.getBytes(StandardCharsets.UTF_8));
        VacuumJob vacuum = new VacuumJob(spark, storage, layout);
        assertThat(vacuum.execute(Duration.ofHours(1), false).runs()).isEmpty();
        VacuumJob.Report removed = vacuum.execute(Duration.ZERO, false);
        assertThat(removed.runs()).hasSize(1);
        assertThat(removed.manifestFiles()).hasSize(3);
        assertThat(manifest.lost(Set.of())).isEmpty();
    }

    @Test
    void whatALivingRunHasWrittenStays() throws IOException {
        commit("20260101T000000Z-aaaa", 1, new Manifest.Expected(1, 1));
        String id = "20260102T000000Z-bbbb";
        Path run = layout.run(id);
        storage.replace(new Path(run, "started"), run, new byte[0]);
        storage.replace(new Path(run, "alive"), run, "{\"host\":\"elsewhere\"}".getBytes(UTF_8));
        // rows that do not count yet, and a LoRA before its receipt
        storage.replace(new Path(manifest.folder(ManifestTable.LORAS, id), "part.parquet"), run, new byte[] {1});
        Path lora = new Path(layout.loras(), "b-0123456789abcdef.safetensors");
        storage.replace(lora, run, emptyLora());
        Files.setLastModifiedTime(
                java.nio.file.Path.of(lora.toUri()),
                Files.getLastModifiedTime(java.nio.file.Path.of(new Path(run, "started").toUri())));

        VacuumJob vacuum = new VacuumJob(spark, storage, layout);
        VacuumJob.Report living = vacuum.execute(Duration.ZERO, false);
        assertThat(living.loraCount()).isZero();
        assertThat(living.runs()).isEmpty();
        assertThat(living.manifestFiles()).isEmpty();
        storage.delete(new Path(run, "alive"));
        VacuumJob.Report dead = vacuum.execute(Duration.ZERO, false);
        assertThat(dead.loras()).containsExactly("loras/b-0123456789abcdef.safetensors");
        assertThat(dead.runs()).hasSize(1);
        assertThat(dead.manifestFiles()).hasSize(1);
        assertThat(storage.status(lora)).isEmpty();
        assertThat(count(ManifestTable.LORAS)).isEqualTo(1);
    }

    /** A file by which this software is known as its maker. */
    private static byte[] emptyLora() {
        byte[] header = "{\"__metadata__\":{\"i2l.software\":\"x\"}}".getBytes(UTF_8);
        return ByteBuffer.allocate(Long.BYTES + header.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length)
                .put(header)
                .array();
    }

    @Test
    void readersAreNotDisturbedByCompaction() throws IOException {
        for (int i = 0; i < 5; i++) {
            commit("2026010%dT000000Z-aaaa".formatted(i + 1), 4, new Manifest.Expected(4, 4));
        }
        Dataset<Row> before = manifest.rows(ManifestTable.LORAS);
        Upkeep vacuum = Upkeep.begin(storage, layout);
        List<String> lines = new ArrayList<>();
        CompactJob.Report report = new CompactJob(spark, storage, layout, line -> {
                    lines.add(line);
                    vacuum.close();
                })
                .execute(false);
        assertThat(lines).hasSize(1).allMatch(line -> line.startsWith("Waiting for"));
        assertThat(storage.children(layout.runs())).isEmpty();
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
        assertThat(new CompactJob(spark, storage, layout, line -> {})
                        .execute(false)
                        .commits())
                .isEqualTo(2);
        assertThat(manifest.commits()).containsExactly("20990101T000000Z-bbbb-c");
        assertThat(count(ManifestTable.LORAS)).isEqualTo(24);
        assertThat(new VacuumJob(spark, storage, layout)
                        .execute(Duration.ZERO, false)
                        .manifestFiles())
                .hasSize(28);
        assertThat(count(ManifestTable.LORAS)).isEqualTo(24);
        assertThat(manifest.rows(ManifestTable.LORAS)
                        .select("run_id")
                        .distinct()
                        .count())
                .isEqualTo(6);
    }

    @Test
    void failuresAreNewKnownOrHealedByWhatTheStyleCameToBefore() throws IOException {
        FailureReport first = commit(
                "20260101T000000Z-aaaa",
                List.of(
                        Outcome.done("fine"),
                        Outcome.failed("known", "image_damaged"),
                        Outcome.failed("changed", "image_damaged"),
                        Outcome.failed("healed", "image_missing"),
                        Outcome.failed("absent", "image_missing")));
        assertThat(first.fresh()).isEqualTo(4);
        assertThat(first.healed()).isZero();

        FailureReport second = commit(
                "20260102T000000Z-bbbb",
                List.of(
                        Outcome.failed("known", "image_damaged"),
                        Outcome.failed("changed", "image_missing"),
                        Outcome.done("healed"),
                        Outcome.failed("fine", "image_damaged"),
                        Outcome.failed("added", "store_read")));
        assertThat(second.byClass())
                .containsOnly(
                        Map.entry("image_damaged", 2L), Map.entry("image_missing", 1L), Map.entry("store_read", 1L));
        assertThat(second.fresh()).isEqualTo(3);
        assertThat(second.healed()).isEqualTo(1);
        assertThat(second.listed())
                .extracting(failure -> failure.styleId() + " " + failure.fresh())
                .containsExactly("added true", "changed true", "fine true", "known false");

        // the latest row decides: a failure that healed is new when it comes back, and one healed long ago is no news
        FailureReport third = commit(
                "20260103T000000Z-cccc", List.of(Outcome.failed("healed", "image_missing"), Outcome.done("added")));
        assertThat(third.fresh()).isEqualTo(1);
        assertThat(third.healed()).isEqualTo(1);
        FailureReport fourth = commit("20260104T000000Z-dddd", List.of(Outcome.done("added"), Outcome.done("known")));
        assertThat(fourth.fresh()).isZero();
        assertThat(fourth.healed()).isEqualTo(1);
        assertThat(fourth.byClass()).isEmpty();

        // where the past cannot be read, all that fails is news
        for (FileStatus file : storage.files(manifest.folder(ManifestTable.LORAS, "20260101T000000Z-aaaa"))) {
            storage.replace(file.getPath(), layout.run("x"), new byte[] {1, 2, 3});
        }
        FailureReport blind = commit("20260105T000000Z-eeee", List.of(Outcome.failed("absent", "image_missing")));
        assertThat(blind.fresh()).isEqualTo(1);
    }

    @Test
    void embeddingsAreStoredOnceAndReadFromEveryRow() throws IOException {
        String first = "20260101T000000Z-aaaa";
        commit(first, List.of(Outcome.done("a"), Outcome.done("b")));
        commit("20260102T000000Z-bbbb", List.of(new Outcome("a", null, first), Outcome.failed("b", "image_missing")));
        for (boolean compacted : new boolean[] {false, true}) {
            if (compacted) {
                new CompactJob(spark, storage, layout, line -> {}).execute(false);
            }
            List<Row> loras = manifest.rows(ManifestTable.LORAS)
                    .orderBy("run_id", "style_id")
                    .select("style_embedding", "embeddings_run")
                    .collectAsList();
            assertThat(loras).hasSize(4);
            assertThat(loras.get(2).getList(0)).isEqualTo(List.of(1f, 2f));
            assertThat(loras.get(2).getString(1)).isEqualTo(first);
            assertThat(loras.get(3).isNullAt(0)).isTrue();
            List<Row> images = manifest.rows(ManifestTable.IMAGES)
                    .orderBy("run_id", "style_id")
                    .select("siglip2", "dinov3")
                    .collectAsList();
            assertThat(images).hasSize(4);
            assertThat(images.get(2).getList(0)).isEqualTo(List.of(3f, 2f));
            assertThat(images.get(2).getList(1)).isEqualTo(List.of(4f, 2f));
            assertThat(images.get(3).isNullAt(0)).isTrue();
        }
        // who does not ask for embeddings does not pay for them
        assertThat(manifest.rows(ManifestTable.LORAS)
                        .select("style_id", "lora_uri")
                        .queryExecution()
                        .optimizedPlan()
                        .toString())
                .doesNotContain("carried_")
                .doesNotContain("LeftOuter");
    }
}
