package org.i2lspark.jobs.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FilterFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.EmbeddedSpark;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.maintenance.VacuumJob;
import org.i2lspark.jobs.maintenance.VerifyJob;
import org.i2lspark.jobs.storage.Storage;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Those who remove and those who make, in each order of events. */
class UpkeepTest {
    private static final String RUN = "20990101T000000Z-aaaa";
    private static final String FINGERPRINT = "0123456789abcdef";

    @TempDir
    private java.nio.file.Path folder;

    private Storage storage;
    private OutputLayout layout;

    @BeforeEach
    void open() {
        storage = new Storage(new Configuration());
        layout = new OutputLayout(folder.toUri().toString());
    }

    private Runs runs() {
        return new Runs(storage, layout.runs());
    }

    private Runs removers() {
        return new Runs(storage, layout.upkeep());
    }

    /** A LoRA of a killed run: it has a receipt and no row. */
    private void leaveLora() throws IOException {
        storage.replace(layout.lora("style", FINGERPRINT), layout.run("x"), new byte[] {1});
        storage.replace(layout.receipt("style", FINGERPRINT), layout.run("x"), new byte[] {2});
        storage.delete(layout.runs());
    }

    @Test
    void aRunWaitsForTheRemoverThatItFindsAndForNoLaterOne() throws Exception {
        Upkeep first = Upkeep.begin(storage, layout);
        List<String> events = new ArrayList<>();
        List<Upkeep> later = new ArrayList<>();
        ExecutorService remover = Executors.newSingleThreadExecutor();
        List<Future<?>> ended = new ArrayList<>();
        Upkeep.awaitEnd(storage, layout, line -> {
            events.add(line);
            later.add(begin());
            ended.add(remover.submit(() -> {
                // time enough for a run that does not wait
                Thread.sleep(300);
                events.add("removed");
                first.close();
                return null;
            }));
        });
        events.add("run goes on");
        remover.shutdown();
        get(ended.get(0));
        assertThat(events).hasSize(3);
        assertThat(events.get(0)).contains("Waiting for the 'i2l vacuum' or 'i2l verify --repair' that began at 20");
        assertThat(events.subList(1, 3)).containsExactly("removed", "run goes on");
        assertThat(removers().living()).hasSize(1);
        later.get(0).close();
        assertThat(folder.resolve("_i2l/upkeep")).doesNotExist();
    }

    private Upkeep begin() {
        try {
            return Upkeep.begin(storage, layout);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void get(Future<?> future) throws InterruptedException, ExecutionException {
        future.get();
    }

    @Test
    void whoDiedWhileRemovingIsNotWaitedForAndIsForgotten() throws IOException {
        String here = InetAddress.getLocalHost().getHostName();
        long pid = ProcessHandle.current().pid();
        Instant now = Instant.now();
        Instant longAgo = now.minus(Duration.ofMinutes(16));
        say("process-ended", "{\"host\":\"%s\",\"pid\":%d,\"process_started\":1}".formatted(here, pid), now);
        say("other-host-silent", "{\"host\":\"elsewhere\",\"pid\":1,\"process_started\":1}", longAgo);
        say("word-damaged", "{\"ho", longAgo);
        Files.delete(folder.resolve("_i2l/upkeep/word-damaged/started"));
        List<String> lines = new ArrayList<>();
        Upkeep.awaitEnd(storage, layout, lines::add);
        assertThat(lines).isEmpty();
        Upkeep.begin(storage, layout).close();
        assertThat(folder.resolve("_i2l/upkeep")).doesNotExist();
    }

    @Test
    void whoSpokeLatelyLivesThoughHisWordIsDamaged() throws IOException {
        say("other-host", "{\"host\":\"elsewhere\",\"pid\":1,\"process_started\":1}", Instant.now());
        say("damaged", "{\"ho", Instant.now());
        say("empty", "", Instant.now());
        Upkeep.begin(storage, layout).close();
        assertThat(removers().living()).hasSize(3);
    }

    private void say(String id, String word, Instant time) throws IOException {
        java.nio.file.Path of =
                Files.createDirectories(folder.resolve("_i2l/upkeep").resolve(id));
        for (String file : List.of("started", "alive")) {
            Files.writeString(of.resolve(file), word);
            Files.setLastModifiedTime(of.resolve(file), FileTime.from(time));
        }
    }

    /** It has not looked for runs by then. */
    @Test
    void whoRemovesSeesARunThatBeganWhenItHadSaidSo() throws IOException {
        leaveLora();
        storage.replace(new Manifest(null, storage, layout.output()).runFile("x"), layout.run("x"), new byte[] {1});
        try (SparkSession spark = EmbeddedSpark.start()) {
            VerifyJob verify = new VerifyJob(spark, startingARunAtUpkeep(), layout);
            assertThatThrownBy(verify::repair)
                    .isInstanceOf(UnusableException.class)
                    .hasMessageContaining("Cannot repair")
                    .hasMessageContaining("run or compaction " + RUN);
            storage.delete(new Path(layout.output(), "manifest"));
            storage.delete(layout.runs());

            VacuumJob vacuum = new VacuumJob(spark, startingARunAtUpkeep(), layout);
            assertThat(vacuum.execute(Duration.ZERO, false).loras()).isEmpty();
            assertThat(storage.files(layout.loras())).hasSize(1);
            assertThat(folder.resolve("_i2l/upkeep")).doesNotExist();

            runs().end(RUN);
            assertThat(new VacuumJob(spark, storage, layout)
                            .execute(Duration.ZERO, false)
                            .loras())
                    .hasSize(1);
            assertThat(storage.files(layout.loras())).isEmpty();
        }
    }

    private Storage startingARunAtUpkeep() {
        Configuration configuration = new Configuration();
        configuration.setClass("fs.file.impl", StartingRun.class, FilterFileSystem.class);
        configuration.setBoolean("fs.file.impl.disable.cache", true);
        return new Storage(configuration);
    }

    /** Local files, where a run begins as soon as somebody has said that he removes. */
    public static final class StartingRun extends FilterFileSystem {
        public StartingRun() {
            super(new RawLocalFileSystem());
        }

        @Override
        public boolean rename(Path from, Path to) throws IOException {
            boolean renamed = fs.rename(from, to);
            Path parent = to.getParent().getParent();
            if (to.getName().equals("started") && parent.getName().equals("upkeep")) {
                Path runs = new Path(parent.getParent(), "runs");
                new Runs(new Storage(new Configuration()), runs).start(RUN);
            }
            return renamed;
        }
    }
}
