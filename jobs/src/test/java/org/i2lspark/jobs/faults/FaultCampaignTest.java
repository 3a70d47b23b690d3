package org.i2lspark.jobs.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.assertj.core.data.Offset;
import org.i2lspark.jobs.EmbeddedSpark;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.maintenance.VacuumJob;
import org.i2lspark.jobs.maintenance.VerifyJob;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.s3.FaultyS3;
import org.i2lspark.jobs.s3.FaultyS3.Fault;
import org.i2lspark.jobs.s3.FaultyS3.Request;
import org.i2lspark.jobs.s3.S3Server;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.model.SampleModels;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs the main job on two executor processes against an S3 that fails, kills executors and drivers, lets runs and tasks
 * collide, and checks after each round that nothing was lost, doubled or half done. {@code -Di2l.faults=200} goes on until
 * that many faults were injected, through all scenarios; by default two of them are played once.
 */
class FaultCampaignTest {
    private static final Path IMAGES = Path.of(System.getProperty("i2l.reference"), "images");
    private static final int STYLES = 6;
    private static final int IMAGES_IN_ALL = 9;
    private static final int MAX_STARTS = 8;
    private static final double FAULT_RATE = 0.08;
    private static final List<Fault> STORE_FAULTS = List.of(
            Fault.ERROR_BEFORE,
            Fault.ERROR_AFTER,
            Fault.RESET_BEFORE,
            Fault.RESET_AFTER,
            Fault.SLOW,
            Fault.THROTTLED,
            Fault.CORRUPTED,
            Fault.CUT);

    @TempDir
    private static Path folder;

    private static S3Server server;
    private static FaultyS3 faulty;
    private static Storage storage;

    private final Map<String, AtomicLong> events = new ConcurrentSkipListMap<>();
    private final Map<String, float[]> expectedEmbeddings = new HashMap<>();
    private int starts;
    private int rounds;

    @BeforeAll
    static void start() throws IOException {
        server = new S3Server();
        faulty = new FaultyS3(server.endpoint());
        storage = new Storage(S3Server.configuration(server.endpoint()));
        SampleModels.write(folder.resolve("models"));
        Files.createDirectories(Path.of(System.getenv("SPARK_HOME")));
        for (int i = 0; i < STYLES; i++) {
            upload(i % 3 + ".png", "catalog/brand%d/style%d/a.png".formatted(i % 2, i));
            if (i % 2 == 0) {
                upload((i + 1) % 3 + ".png", "catalog/brand%d/style%d/b.png".formatted(i % 2, i));
            }
        }
    }

    @AfterAll
    static void stop() {
        faulty.close();
        server.close();
    }

    private static void upload(String image, String key) throws IOException {
        try (InputStream in = Files.newInputStream(IMAGES.resolve(image))) {
            storage.replace(path(key), path("x"), in.readAllBytes());
        }
    }

    private static org.apache.hadoop.fs.Path path(String key) {
        return new org.apache.hadoop.fs.Path("s3a://" + S3Server.BUCKET + "/" + key);
    }

    /** What goes wrong in a round besides the store. */
    private enum Scenario {
        UNHURT,
        STORE_ONLY,
        EXECUTOR_KILLED,
        DRIVER_KILLED_BEFORE_COMMIT,
        DRIVER_KILLED_AFTER_COMMIT,
        TASK_FAILS,
        TASKS_TWICE,
        TWO_RUNS,
        /** Beside the run that takes up what a killed one left. */
        VACUUM_BESIDE_A_RUN,
        /** LoRAs and receipts of a finished run are truncated, flipped and deleted; the next run heals them. */
        DAMAGED_FILES,
        /** The output of a finished run lies elsewhere for the next one. */
        MOVED_OUTPUT
    }

    @Test
    void nothingIsLostDoubledOrHalfDone() throws IOException {
        int wanted = Integer.getInteger("i2l.faults", 0);
        Random random = new Random(Long.getLong("i2l.seed", 20261123L));
        if (wanted == 0) {
            play(Scenario.EXECUTOR_KILLED, random);
            play(Scenario.DRIVER_KILLED_BEFORE_COMMIT, random);
            assertThat(events).containsKeys("executor killed while it wrote", "driver killed before the commit");
            return;
        }
        do {
            for (Scenario scenario : Scenario.values()) {
                play(scenario, random);
            }
        } while (injected() < wanted);
        report();
        assertThat(events)
                .containsKeys(
                        "executor killed while it wrote",
                        "driver killed before the commit",
                        "driver killed after the commit",
                        "task failed",
                        "LoRA written twice",
                        "two runs at once",
                        "vacuum beside a run",
                        "file damaged",
                        "output moved");
    }

    private long injected() {
        return sum(events) + sum(faulty.injected());
    }

    private static long sum(Map<String, AtomicLong> counts) {
        return counts.values().stream().mapToLong(AtomicLong::get).sum();
    }

    private void report() {
        Map<String, Long> byKind = new TreeMap<>();
        faulty.injected()
                .forEach((kind, count) ->
                        byKind.merge("store: " + kind.substring(0, kind.indexOf(' ')), count.get(), Long::sum));
        events.forEach((kind, count) -> byKind.put(kind, count.get()));
        StringBuilder text =
                new StringBuilder("%nfaults injected: %d, of %d kinds, in %d rounds and %d starts of the job%n"
                        .formatted(injected(), byKind.size(), rounds, starts));
        byKind.forEach((kind, count) -> text.append("  %5d %s%n".formatted(count, kind)));
        text.append("store faults by request:%n".formatted());
        faulty.injected().forEach((kind, count) -> text.append("  %5d %s%n".formatted(count.get(), kind)));
        text.append(
                "LoRAs lost 0, doubled 0, half visible 0, uploads pending after vacuum 0; catalog rows = manifest rows%n"
                        .formatted());
        System.out.print(text);
    }

    private void count(String event) {
        events.computeIfAbsent(event, ignored -> new AtomicLong()).incrementAndGet();
    }

    private void play(Scenario scenario, Random random) throws IOException {
        String output = "out%d-%s".formatted(rounds++, scenario.name().toLowerCase(java.util.Locale.ROOT));
        long seed = random.nextLong();
        RoundPlan plan = new RoundPlan(scenario, output, new Random(seed));
        String round = scenario + ", seed " + seed;
        runUntilDone(plan, output, round);
        if (scenario == Scenario.DAMAGED_FILES) {
            damage(output, new Random(seed));
            runUntilDone(plan, output, round);
        }
        if (scenario == Scenario.MOVED_OUTPUT) {
            output = move(output);
            runUntilDone(plan, output, round);
        }
        plan.uploadsOfLoras.values().stream()
                .filter(uploads -> uploads.get() > 1)
                .forEach(ignored -> count("LoRA written twice"));
        check(output, round);
    }

    /** Starts the job, two at once if the scenario says so, until one ends well. */
    private void runUntilDone(RoundPlan plan, String output, String round) throws IOException {
        faulty.setPlan(plan);
        int runs = plan.scenario == Scenario.TWO_RUNS ? 2 : 1;
        String lastWords = "";
        boolean done = false;
        for (int attempt = 0; attempt < MAX_STARTS && !done; attempt++) {
            List<Driver> drivers = new ArrayList<>();
            for (int i = 0; i < runs; i++) {
                drivers.add(startDriver(output, plan.scenario));
            }
            plan.driver = drivers.get(0);
            if (plan.scenario == Scenario.VACUUM_BESIDE_A_RUN && attempt > 0) {
                vacuumBeside(output, drivers.get(0));
            }
            done = true;
            for (Driver driver : drivers) {
                int exitCode = driver.exitCode();
                lastWords = driver.output();
                done &= exitCode == 0;
                driver.close();
            }
            if (runs == 2) {
                count("two runs at once");
            }
            runs = 1;
        }
        faulty.setPlan(request -> Fault.NONE);
        assertThat(done).as("%s: %s", round, lastWords).isTrue();
    }

    private static SparkSession sessionOnStore() {
        SparkSession spark = EmbeddedSpark.start();
        S3Server.configuration(server.endpoint())
                .forEach(setting ->
                        spark.sparkContext().hadoopConfiguration().set(setting.getKey(), setting.getValue()));
        return spark;
    }

    /** Removes all that it may, again and again. */
    private void vacuumBeside(String output, Driver driver) throws IOException {
        try (SparkSession spark = sessionOnStore()) {
            OutputLayout layout = new OutputLayout(path(output).toString());
            while (driver.isAlive()) {
                try {
                    new VacuumJob(spark, storage, layout).execute(Duration.ZERO, false);
                    count("vacuum beside a run");
                } catch (UnusableException e) {
                    // exit code 2: it removes nothing while a commit is missing, or before there is anything
                    assertThat(e.getMessage())
                            .as(output)
                            .containsAnyOf("nothing was removed", "it is no output of generate");
                }
            }
        }
    }

    /** One LoRA and one receipt in each way; the rest stays as it is. */
    private void damage(String output, Random random) throws IOException {
        OutputLayout layout = new OutputLayout(path(output).toString());
        Map<org.apache.hadoop.fs.Path, byte[]> before = contents(layout);
        List<org.apache.hadoop.fs.Path> loras = new ArrayList<>(before.keySet());
        Collections.shuffle(loras, random);
        List<FileStatus> receipts = new ArrayList<>(storage.files(path(output + "/_i2l/receipts")));
        Collections.shuffle(receipts, random);
        List<org.apache.hadoop.fs.Path> victims = List.of(
                loras.get(0),
                loras.get(1),
                loras.get(2),
                receipts.get(0).getPath(),
                receipts.get(1).getPath());
        for (int i = 0; i < victims.size(); i++) {
            org.apache.hadoop.fs.Path victim = victims.get(i);
            byte[] bytes = storage.readAll(victim, Integer.MAX_VALUE);
            bytes[random.nextInt(bytes.length)] ^= 1;
            switch (i % 3) {
                case 0 -> storage.delete(victim);
                case 1 -> storage.replace(victim, path("x"), bytes);
                default -> storage.replace(victim, path("x"), Arrays.copyOf(bytes, random.nextInt(bytes.length)));
            }
            count("file damaged");
        }
        try (SparkSession spark = sessionOnStore()) {
            assertThat(new VerifyJob(spark, storage, layout).execute().findings())
                    .as(output)
                    .hasSizeGreaterThanOrEqualTo(3);
        }
    }

    private static Map<org.apache.hadoop.fs.Path, byte[]> contents(OutputLayout layout) throws IOException {
        Map<org.apache.hadoop.fs.Path, byte[]> contents = new TreeMap<>();
        for (FileStatus file : storage.files(layout.loras())) {
            contents.put(file.getPath(), storage.readAll(file, Integer.MAX_VALUE));
        }
        return contents;
    }

    private String move(String output) throws IOException {
        String moved = output + "-elsewhere";
        String root = path(output).toString();
        for (FileStatus file : storage.files(path(output))) {
            String name = file.getPath().toString().substring(root.length());
            storage.replace(path(moved + name), path("x"), storage.readAll(file, Integer.MAX_VALUE));
            storage.delete(file.getPath());
        }
        count("output moved");
        return moved;
    }

    private Driver startDriver(String output, Scenario scenario) throws IOException {
        starts++;
        Map<String, String> settings = new TreeMap<>();
        settings.put("spark.master", "local-cluster[2,1,1024]");
        settings.put("spark.task.maxFailures", "8");
        settings.put("spark.ui.enabled", "false");
        settings.put("spark.driver.host", "127.0.0.1");
        settings.put("spark.sql.shuffle.partitions", "2");
        if (scenario == Scenario.TASKS_TWICE) {
            settings.put("spark.speculation", "true");
            settings.put("spark.speculation.interval", "50ms");
            settings.put("spark.speculation.quantile", "0.1");
            settings.put("spark.speculation.multiplier", "1.01");
            settings.put("spark.speculation.minTaskRuntime", "50ms");
        }
        S3Server.hadoopSettings(faulty.endpoint()).forEach((key, value) -> settings.put("spark.hadoop." + key, value));
        settings.put("spark.hadoop.fs.s3a.retry.limit", "5");
        return new Driver(
                folder.resolve("drivers"),
                settings,
                List.of(
                        "generate",
                        "--catalog",
                        path("catalog").toString(),
                        "--models",
                        folder.resolve("models").toString(),
                        "--output",
                        path(output).toString(),
                        "--batch-size",
                        "2"));
    }

    /** Hurts requests at random, and does once what the scenario says. */
    private final class RoundPlan implements FaultyS3.Plan {
        private final Scenario scenario;
        private final String output;
        private final Random random;
        private final AtomicBoolean acted = new AtomicBoolean();
        private final Map<String, AtomicLong> uploadsOfLoras = new ConcurrentHashMap<>();
        private final AtomicLong failingRows = new AtomicLong();
        private volatile Driver driver;

        RoundPlan(Scenario scenario, String output, Random random) {
            this.scenario = scenario;
            this.output = output;
            this.random = random;
        }

        private boolean isWriteOf(Request request, String part) {
            return request.method().equals("PUT") && request.path().contains("/" + output + "/" + part);
        }

        @Override
        public Fault fault(Request request) {
            if (isWriteOf(request, "loras/")) {
                uploadsOfLoras
                        .computeIfAbsent(request.path() + request.query(), ignored -> new AtomicLong())
                        .incrementAndGet();
                if (scenario == Scenario.EXECUTOR_KILLED
                        && uploadsOfLoras.size() > 2
                        && acted.compareAndSet(false, true)) {
                    killWriter(request);
                }
            }
            if ((scenario == Scenario.DRIVER_KILLED_BEFORE_COMMIT || scenario == Scenario.VACUUM_BESIDE_A_RUN)
                    && isWriteOf(request, "manifest/runs/")
                    && acted.compareAndSet(false, true)) {
                driver.kill();
                count("driver killed before the commit");
                return Fault.RESET_BEFORE;
            }
            // so often that retries give up, and the task with them
            if (scenario == Scenario.TASK_FAILS
                    && isWriteOf(request, "_i2l/runs/")
                    && request.path().contains("/rows/loras-00000")) {
                if (failingRows.getAndIncrement() < 60) {
                    if (failingRows.get() == 30) {
                        count("task failed");
                    }
                    return Fault.ERROR_BEFORE;
                }
            }
            return randomFault();
        }

        /** Unless the connection has gone by now; then the next writer is the one. */
        private void killWriter(Request request) {
            Optional<ProcessHandle> writer = ProcFiles.ownerOfPort(request.clientPort(), driver.executors());
            if (writer.isPresent()) {
                writer.get().destroyForcibly();
                count("executor killed while it wrote");
            } else {
                acted.set(false);
            }
        }

        private synchronized Fault randomFault() {
            return scenario == Scenario.UNHURT || random.nextDouble() >= FAULT_RATE
                    ? Fault.NONE
                    : STORE_FAULTS.get(random.nextInt(STORE_FAULTS.size()));
        }

        @Override
        public void carriedOut(Request request) {
            if (scenario == Scenario.DRIVER_KILLED_AFTER_COMMIT
                    && isWriteOf(request, "manifest/runs/")
                    && acted.compareAndSet(false, true)) {
                driver.kill();
                count("driver killed after the commit");
            }
        }
    }

    /** Looks at what the round has left, through a store that works. */
    private void check(String output, String round) throws IOException {
        try (SparkSession spark = sessionOnStore()) {
            OutputLayout layout = new OutputLayout(path(output).toString());
            Manifest manifest = new Manifest(spark, storage, layout.output());
            List<Row> runs = manifest.rows(ManifestTable.RUNS)
                    .select("run_id", "styles_done", "styles_skipped", "styles_failed")
                    .collectAsList();
            assertThat(runs).as(round).isNotEmpty();
            for (Row run : runs) {
                assertThat(run.getLong(1) + run.getLong(2) + run.getLong(3))
                        .as(round)
                        .isEqualTo(STYLES);
                assertThat(run.getLong(3)).as(round).isZero();
                String ofRun = "run_id = '%s'".formatted(run.getString(0));
                assertThat(manifest.rows(ManifestTable.LORAS)
                                .filter(ofRun)
                                .select("style_id")
                                .distinct()
                                .count())
                        .as(round)
                        .isEqualTo(STYLES);
                assertThat(manifest.rows(ManifestTable.LORAS).filter(ofRun).count())
                        .as(round)
                        .isEqualTo(STYLES);
                assertThat(manifest.rows(ManifestTable.IMAGES).filter(ofRun).count())
                        .as(round)
                        .isEqualTo(IMAGES_IN_ALL);
            }
            assertThat(storage.files(layout.loras())).as(round).hasSize(STYLES);
            assertThat(new VerifyJob(spark, storage, layout).execute().findings())
                    .as(round)
                    .isEmpty();
            checkEmbeddings(manifest, round);
            new VacuumJob(spark, storage, layout).execute(Duration.ZERO, false);
            VacuumJob.Report left = new VacuumJob(spark, storage, layout).execute(Duration.ZERO, true);
            assertThat(left.uploads()).as(round).isEmpty();
            assertThat(left.loras()).as(round).isEmpty();
            assertThat(storage.files(layout.loras())).as(round).hasSize(STYLES);
        }
    }

    /** What a damaged read would have changed. The first round is not hurt. */
    private void checkEmbeddings(Manifest manifest, String round) throws IOException {
        List<Row> rows = manifest.rows(ManifestTable.IMAGES)
                .select("style_id", "position", "siglip2")
                .collectAsList();
        for (Row row : rows) {
            List<Float> values = row.getList(2);
            float[] embedding = new float[values.size()];
            for (int i = 0; i < embedding.length; i++) {
                embedding[i] = values.get(i);
            }
            float[] expected = expectedEmbeddings.putIfAbsent(row.getString(0) + row.getInt(1), embedding);
            if (expected != null) {
                assertThat(embedding).as(round).containsExactly(expected, Offset.offset(1e-5f));
            }
        }
        assertThat(Set.copyOf(expectedEmbeddings.keySet())).as(round).hasSize(IMAGES_IN_ALL);
    }
}
