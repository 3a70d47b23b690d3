package org.i2lspark.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
    @TempDir
    private Path folder;

    @Test
    void writesWhatTheReaderReads() throws IOException {
        Path path = folder.resolve("file.safetensors");
        Files.write(
                path,
                write(Map.of("made by", "test \u2713"), entry("w\"\n", DType.F32, 2, 3), entry("x", DType.BF16, 5)));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.metadata()).isEqualTo(Map.of("made by", "test \u2713"));
            assertThat(file.tensors().get("w\"\n").shape()).containsExactly(2L, 3L);
            ByteBuffer bytes = ByteBuffer.allocate(10);
            file.read("x", 0, bytes);
            assertThat(bytes.array()).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        }
    }

    @Test
    void ordersByAlignmentThenNameAndPadsTheHeader() throws IOException {
        byte[] file = write(
                Map.of(),
                entry("z8", DType.U8, 3),
                entry("b", DType.BF16, 1),
                entry("a", DType.F32, 1),
                entry("c", DType.F64, 1),
                entry("a2", DType.F16, 1));
        long length = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        assertThat(length % 8).isZero();
        String header = new String(file, 8, (int) length, StandardCharsets.UTF_8);
        assertThat(header)
                .containsSubsequence("\"c\"", "\"a\"", "\"a2\"", "\"b\"", "\"z8\"")
                .doesNotContain("__metadata__");
        assertThat(file).hasSize(8 + (int) length + 8 + 4 + 2 + 2 + 3);
    }

    @Test
    void refusesWhatAReaderWouldRefuse() {
        assertRefused("the name stands twice", entry("a", DType.U8, 1), entry("a", DType.U8, 1));
        assertRefused("the format reserves that name", entry("__metadata__", DType.U8, 1));
        assertRefused("it is not valid Unicode", entry("\uD800", DType.U8, 1));
        assertRefused("negative dimension", entry("a", DType.U8, -1));
        assertRefused("overflow", entry("a", DType.U8, 1L << 62, 4));
        assertRefused("not a whole number of bytes", entry("a", DType.F4, 3));
        assertRefused(
                "its content has 3 bytes, shape 4 of U8 takes 4",
                new SafetensorsWriter.Entry("a", DType.U8, List.of(4L), out -> out.write(ByteBuffer.allocate(3))));
    }

    @Test
    void theSameInputGivesTheSameBytes() throws IOException {
        Map<String, String> metadata = Map.of("a", "1", "b", "2", "c", "3", "d", "4");
        assertThat(write(metadata, entry("a", DType.U8, 1), entry("b", DType.U8, 2)))
                .isEqualTo(write(metadata, entry("b", DType.U8, 2), entry("a", DType.U8, 1)));
    }

    private static void assertRefused(String message, SafetensorsWriter.Entry... entries) {
        assertThatThrownBy(() -> write(Map.of(), entries))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }

    private static byte[] write(Map<String, String> metadata, SafetensorsWriter.Entry... entries) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        long written = SafetensorsWriter.write(Channels.newChannel(out), List.of(entries), metadata);
        assertThat(out.size()).isEqualTo(written);
        return out.toByteArray();
    }

    private static SafetensorsWriter.Entry entry(String name, DType dtype, long... shape) {
        return new SafetensorsWriter.Entry(
                name, dtype, Arrays.stream(shape).boxed().toList(), out -> {
                    long size = Arrays.stream(shape).reduce(1, (a, b) -> a * b) * dtype.bits() / 8;
                    for (int i = 0; i < size; i++) {
                        out.write(ByteBuffer.wrap(new byte[] {(byte) i}));
                    }
                });
    }
}
