package org.i2lspark.jobs.output;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.junit.jupiter.api.Test;

class ReceiptTest {
    private static final FinishedLora LORA = new FinishedLora("f".repeat(64), "loras/a.safetensors", 12, "ab", 8, 0.25);
    private static final Failure FAILURE = new Failure(ErrorClass.IMAGE_DAMAGED, "it ends early");

    @Test
    void saysAllOfALora() throws IOException {
        ImageFacts image = new ImageFacts("cd", 640, 480, null, new float[] {1, -2}, new float[] {0.5f});
        Receipt receipt = Receipt.ofLora("run", LORA, "modified 7", "pixels 9", List.of(image));
        Receipt read = Receipt.ofJson(receipt.toJson(), LORA.path());
        assertThat(read).usingRecursiveComparison().isEqualTo(receipt);
        assertThat(read.recordedBy()).isEqualTo("run");
        Receipt carried = Receipt.ofJson(receipt.recordedBy("later").toJson(), LORA.path());
        assertThat(carried.runId()).isEqualTo("run");
        assertThat(carried.recordedBy()).isEqualTo("later");
    }

    @Test
    void saysAllOfAFailure() throws IOException {
        ImageFacts image = new ImageFacts("cd", 0, 0, FAILURE, null, null);
        Receipt receipt = Receipt.ofFailure("run", FAILURE, "pixels 9", List.of(image));
        assertThat(Receipt.ofJson(receipt.toJson(), "x"))
                .usingRecursiveComparison()
                .isEqualTo(receipt);
    }

    /** It decides what is never made again. */
    @Test
    void anyByteThatChangedIsFound() throws IOException {
        byte[] json = Receipt.ofFailure("run", FAILURE, "pixels 9", List.of()).toJson();
        for (int i = 0; i < json.length; i++) {
            byte[] changed = json.clone();
            changed[i] ^= 1;
            assertThatThrownBy(() -> Receipt.ofJson(changed, "x"))
                    .as(new String(changed, UTF_8))
                    .isInstanceOf(IOException.class);
            byte[] cut = Arrays.copyOf(json, i);
            assertThatThrownBy(() -> Receipt.ofJson(cut, "x"))
                    .as(new String(cut, UTF_8))
                    .isInstanceOf(IOException.class);
        }
    }

    @Test
    void readsWhatWasWrittenBeforeThereWasAChecksum() throws IOException {
        String json = """
                {"version":1,"run_id":"run","limits":"pixels 9","stamp":"modified 7",
                 "lora":{"fingerprint":"ef","bytes":12,"sha256":"ab","rank":4,"reduction_error":null},"images":[]}
                """;
        Receipt receipt = Receipt.ofJson(json.getBytes(UTF_8), "loras/a.safetensors");
        assertThat(receipt.lora()).isEqualTo(new FinishedLora("ef", "loras/a.safetensors", 12, "ab", 4, null));
        assertThat(receipt.recordedBy()).isEqualTo("run");
        assertThatThrownBy(() -> Receipt.ofJson(
                        json.replace("\"version\":1", "\"version\":2").getBytes(UTF_8), "x"))
                .hasMessage("Invalid receipt: version 2 (expected 2)");
    }
}
