package org.i2lspark.jobs.output;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.i2lspark.jobs.output.LoraCheck.Finding;
import org.i2lspark.jobs.output.LoraCheck.Kind;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.Storage;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoraCheckTest {
    private static final String PATH = "loras/a-0123456789abcdef.safetensors";
    private static final byte[] LORA =
            safetensors("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1);

    @TempDir
    private Path folder;

    private LoraCheck check;

    @BeforeEach
    void write() throws IOException {
        check = new LoraCheck(
                new Storage(new Configuration()),
                new OutputLayout(folder.toUri().toString()));
        write(PATH, LORA);
        writeReceipt(LORA);
    }

    private static byte[] safetensors(String header, int bytes) {
        byte[] json = header.getBytes(UTF_8);
        return ByteBuffer.allocate(Long.BYTES + json.length + bytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(json.length)
                .put(json)
                .array();
    }

    private void write(String path, byte[] bytes) throws IOException {
        Path file = folder.resolve(path);
        Files.createDirectories(file.getParent());
        Files.write(file, bytes);
    }

    private void writeReceipt(byte[] lora) throws IOException {
        FinishedLora finished = new FinishedLora("f", PATH, lora.length, Hashes.sha256(lora), 4, null);
        writeReceipt(Receipt.ofLora("run", finished, "stamp", "limits", List.of()));
    }

    private void writeReceipt(Receipt receipt) throws IOException {
        write("_i2l/receipts/a-0123456789abcdef.json", receipt.toJson());
    }

    private List<Finding> findings() {
        return findings(LORA);
    }

    /** With a row of this LoRA. */
    private List<Finding> findings(byte[] lora) {
        return check.check(PATH, lora.length, Hashes.sha256(lora));
    }

    @Test
    void whatIsAsItsRowSaysIsFine() {
        assertThat(findings()).isEmpty();
    }

    @Test
    void aLoraOfOtherBytesIsFound() throws IOException {
        byte[] other = LORA.clone();
        other[other.length - 1] = 7;
        write(PATH, other);
        assertThat(findings()).extracting(Finding::kind).containsExactly(Kind.WRONG_HASH);
        write(PATH, new byte[LORA.length + 1]);
        assertThat(findings()).extracting(Finding::kind).containsExactly(Kind.WRONG_SIZE);
        Files.delete(folder.resolve(PATH));
        assertThat(findings()).extracting(Finding::kind).containsExactly(Kind.MISSING);
    }

    @Test
    void whatIsNoLoraIsFoundThoughRowAndReceiptAgree() throws IOException {
        for (byte[] none : List.of("a note".getBytes(UTF_8), safetensors("{}", 0))) {
            write(PATH, none);
            writeReceipt(none);
            assertThat(findings(none)).extracting(Finding::kind).containsExactly(Kind.INVALID_HEADER);
        }
    }

    @Test
    void aReceiptThatSaysSomethingElseIsFound() throws IOException {
        writeReceipt(new byte[] {1});
        assertThat(findings())
                .extracting(Finding::detail)
                .containsExactly("its receipt is of another LoRA than the manifest's row");
        writeReceipt(Receipt.ofFailure("run", new Failure(ErrorClass.IMAGE_DAMAGED, "x"), "limits", List.of()));
        assertThat(findings()).extracting(Finding::kind).containsExactly(Kind.RECEIPT);
        write("_i2l/receipts/a-0123456789abcdef.json", new byte[] {1});
        assertThat(findings()).extracting(Finding::kind).containsExactly(Kind.RECEIPT);
        Files.delete(folder.resolve("_i2l/receipts/a-0123456789abcdef.json"));
        assertThat(findings()).extracting(Finding::detail).containsExactly("its receipt is missing");
    }

    @Test
    void aDamagedLoraIsRemovedWithItsReceiptAndAWrongReceiptAlone() throws IOException {
        assertThat(check.remove(new Finding(Kind.RECEIPT, PATH, ""))).isEqualTo(1);
        assertThat(folder.resolve(PATH)).exists();
        writeReceipt(LORA);
        assertThat(check.remove(new Finding(Kind.WRONG_HASH, PATH, ""))).isEqualTo(2);
        assertThat(folder.resolve(PATH)).doesNotExist();
        assertThat(findings()).extracting(Finding::kind).containsExactly(Kind.MISSING, Kind.RECEIPT);
    }
}
