package org.i2lspark.jobs.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.hadoop.conf.Configuration;
import org.i2lspark.jobs.output.Output.Published;
import org.i2lspark.jobs.storage.Storage;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputTest {
    private static final String FIRST = "20260101T000000Z-aaaa";
    private static final String SECOND = "20260101T000000Z-bbbb";
    private static final String FINGERPRINT = "0123456789abcdef";
    private static final byte[] LORA = {1, 2, 3};

    @TempDir
    private java.nio.file.Path folder;

    private Storage storage;
    private OutputLayout layout;

    @BeforeEach
    void open() {
        storage = new Storage(new Configuration());
        layout = new OutputLayout(folder.toUri().toString());
    }

    private Output output(String runId, String... committed) {
        return new Output(storage, layout, runId, Set.of(committed));
    }

    private static Published publish(Output output, String runId, String style) throws IOException {
        return output.publish(
                style,
                FINGERPRINT,
                out -> out.write(LORA),
                stored -> Receipt.ofLora(
                        runId,
                        new FinishedLora(FINGERPRINT, stored.path(), stored.bytes(), stored.sha256(), 4, null),
                        stored.stamp(),
                        "limits",
                        List.of(new ImageFacts("hash", 1, 1, null, new float[] {1}, new float[] {2}))));
    }

    @Test
    void ofTwoRunsAtOnceOneMakesALoraAndTheOtherTakesItUp() throws Exception {
        int styles = 50;
        ExecutorService runs = Executors.newFixedThreadPool(2);
        CyclicBarrier together = new CyclicBarrier(2);
        List<Future<List<String>>> makers = new ArrayList<>();
        for (String run : List.of(FIRST, SECOND)) {
            new Runs(storage, layout).start(run);
            makers.add(runs.submit(() -> {
                Output output = output(run);
                List<String> madeBy = new ArrayList<>();
                for (int i = 0; i < styles; i++) {
                    together.await();
                    madeBy.add(publish(output, run, "style" + i).receipt().runId());
                }
                return madeBy;
            }));
        }
        runs.shutdown();
        List<String> first = get(makers.get(0));
        // both say of each LoRA that the same run made it, so that one counts it as done and the other as skipped
        assertThat(first).hasSize(styles).containsAnyOf(FIRST, SECOND).isEqualTo(get(makers.get(1)));
        assertThat(storage.files(layout.loras())).hasSize(styles);
    }

    private static List<String> get(Future<List<String>> future) throws InterruptedException, ExecutionException {
        return future.get();
    }

    @Test
    void embeddingsAreLeftToTheRunWhoseRowsCarryThemAndTakenOverWhereItNeverCommitted() throws IOException {
        publish(output(FIRST), FIRST, "style");
        assertThat(recordedBy(output(SECOND, FIRST))).isEqualTo(FIRST);
        // the first was killed
        assertThat(recordedBy(output(SECOND))).isEqualTo(SECOND);
        assertThat(recordedBy(output("20260102T000000Z-cccc", SECOND))).isEqualTo(SECOND);
        // so was the second, before its rows counted
        assertThat(recordedBy(output("20260102T000000Z-cccc"))).isEqualTo("20260102T000000Z-cccc");
        Optional<Receipt> receipt = output("x").settled("style", FINGERPRINT);
        assertThat(receipt).map(Receipt::runId).contains(FIRST);
    }

    private static String recordedBy(Output output) {
        return output.settled("style", FINGERPRINT).orElseThrow().recordedBy();
    }
}
