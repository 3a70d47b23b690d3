package org.i2lspark.jobs.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.hadoop.conf.Configuration;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.i2lspark.jobs.output.Output.Published;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.Storage;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputTest {
    private static final String FIRST = "20260101T000000Z-aaaa";
    private static final String SECOND = "20260101T000000Z-bbbb";
    private static final String FINGERPRINT = "0123456789abcdef";
    private static final String STYLE = "style";
    private static final byte[] LORA = {1, 2, 3};

    @TempDir
    private Path folder;

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
            new Runs(storage, layout.runs()).start(run);
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
        publish(output(FIRST), FIRST, STYLE);
        assertThat(recordedBy(output(SECOND, FIRST))).isEqualTo(FIRST);
        // the first was killed
        assertThat(recordedBy(output(SECOND))).isEqualTo(SECOND);
        assertThat(recordedBy(output("20260102T000000Z-cccc", SECOND))).isEqualTo(SECOND);
        // so was the second, before its rows counted
        assertThat(recordedBy(output("20260102T000000Z-cccc"))).isEqualTo("20260102T000000Z-cccc");
        Optional<Receipt> receipt = output("x").settled(STYLE, FINGERPRINT);
        assertThat(receipt).map(Receipt::runId).contains(FIRST);
    }

    private static String recordedBy(Output output) {
        return output.settled(STYLE, FINGERPRINT).orElseThrow().recordedBy();
    }

    @Test
    void aLoraThatIsWhatItsReceiptSaysIsTakenUpThoughItWasCopied() throws IOException {
        publish(output(FIRST), FIRST, STYLE);
        Files.setLastModifiedTime(lora(), FileTime.from(Instant.EPOCH));
        Receipt taken = output(SECOND, FIRST).settled(STYLE, FINGERPRINT).orElseThrow();
        assertThat(taken.runId()).isEqualTo(FIRST);
        // by its new time it is known without being read again
        assertThat(taken.stamp()).isEqualTo("modified 0");
        assertThat(kept()).isEqualTo(taken.stamp());
    }

    @Test
    void aLoraOfAnotherSizeIsNotTakenUpThoughItsTimeIsTheSame() throws IOException {
        publish(output(FIRST), FIRST, STYLE);
        FileTime time = Files.getLastModifiedTime(lora());
        for (byte[] other : List.of(new byte[] {1, 2}, new byte[] {1, 2, 3, 4}, new byte[0])) {
            Files.write(lora(), other);
            Files.setLastModifiedTime(lora(), time);
            assertMadeAgain();
        }
    }

    @Test
    void aLoraOfOtherBytesIsNotTakenUp() throws IOException {
        publish(output(FIRST), FIRST, STYLE);
        Files.write(lora(), new byte[] {1, 2, 4});
        Files.setLastModifiedTime(lora(), FileTime.from(Instant.EPOCH));
        assertMadeAgain();
    }

    /** It was damaged after this run had looked for it, or between two of its attempts. */
    @Test
    void aReceiptVouchesForItsOwnBytesOnly() throws IOException {
        publish(output(FIRST), FIRST, STYLE);
        Files.write(lora(), new byte[] {1, 2, 4});
        Published published = publish(output(SECOND), SECOND, STYLE);
        assertThat(published.receipt().lora().sha256()).isEqualTo(Hashes.sha256(LORA));
        assertThat(Files.readAllBytes(lora())).isEqualTo(LORA);
    }

    @Test
    void aLoraThatIsGoneIsMadeAgain() throws IOException {
        publish(output(FIRST), FIRST, STYLE);
        Files.delete(lora());
        assertMadeAgain();
    }

    /** By a run that is then the one which made it. */
    private void assertMadeAgain() throws IOException {
        assertThat(output(SECOND, FIRST).settled(STYLE, FINGERPRINT)).isEmpty();
        assertThat(storage.status(layout.receipt(STYLE, FINGERPRINT))).isEmpty();
        Published made = publish(output(SECOND, FIRST), SECOND, STYLE);
        assertThat(made.receipt().runId()).isEqualTo(SECOND);
        assertThat(made.receipt().lora().sha256()).isEqualTo(Hashes.sha256(LORA));
        assertThat(made.kept()).isTrue();
        assertThat(Files.readAllBytes(lora())).isEqualTo(LORA);
        assertThat(output(FIRST).settled(STYLE, FINGERPRINT))
                .map(Receipt::runId)
                .contains(SECOND);
    }

    /** Names show the first characters of a fingerprint only. */
    @Test
    void theReceiptOfAnotherFingerprintVouchesForNothing() throws IOException {
        publish(output(FIRST), FIRST, STYLE);
        String other = FINGERPRINT + "0";
        assertThat(layout.lora(STYLE, other)).isEqualTo(layout.lora(STYLE, FINGERPRINT));
        assertThat(output(SECOND, FIRST).settled(STYLE, other)).isEmpty();
    }

    @Test
    void aDamagedReceiptVouchesForNothing() throws IOException {
        publish(output(FIRST), FIRST, STYLE);
        Path receipt = Path.of(layout.receipt(STYLE, FINGERPRINT).toUri());
        byte[] whole = Files.readAllBytes(receipt);
        for (byte[] damaged : List.of(new byte[0], Arrays.copyOf(whole, whole.length / 2), new byte[whole.length])) {
            Files.write(receipt, damaged);
            assertThat(output(SECOND, FIRST).settled(STYLE, FINGERPRINT)).isEmpty();
            // the LoRA is as it should be, and nobody can say whose it is
            assertThat(publish(output(SECOND), SECOND, STYLE).receipt().runId()).isEqualTo(SECOND);
            assertThat(output(FIRST).settled(STYLE, FINGERPRINT))
                    .map(Receipt::runId)
                    .contains(SECOND);
        }
    }

    @Test
    void aLoraThatWasMadeAtLastReplacesTheMemoryOfAFailure() throws IOException {
        Failure failure = new Failure(ErrorClass.IMAGE_DAMAGED, "it ends early");
        assertThat(output(FIRST).remember(STYLE, FINGERPRINT, Receipt.ofFailure(FIRST, failure, "limits", List.of())))
                .isTrue();
        assertThat(output(SECOND).settled(STYLE, FINGERPRINT))
                .map(Receipt::failure)
                .contains(failure);
        assertThat(publish(output(SECOND), SECOND, STYLE).kept()).isTrue();
        Receipt made = output(FIRST).settled(STYLE, FINGERPRINT).orElseThrow();
        assertThat(made.failure()).isNull();
        assertThat(made.runId()).isEqualTo(SECOND);
    }

    @Test
    void aReceiptThatCannotBeKeptIsSaidAndTheLoraCounts() throws IOException {
        Files.createDirectories(folder.resolve("_i2l"));
        Files.writeString(folder.resolve("_i2l/receipts"), "no folder");
        Published published = publish(output(FIRST), FIRST, STYLE);
        assertThat(published.kept()).isFalse();
        assertThat(published.receipt().lora().bytes()).isEqualTo(LORA.length);
        assertThat(Files.readAllBytes(lora())).isEqualTo(LORA);
    }

    private Path lora() {
        return Path.of(layout.lora(STYLE, FINGERPRINT).toUri());
    }

    /** The stamp in the receipt as it lies there. */
    private String kept() throws IOException {
        return Receipt.ofJson(storage.readAll(layout.receipt(STYLE, FINGERPRINT), 1 << 20), "x")
                .stamp();
    }
}
