package org.i2lspark.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardedSafetensorsTest {
    @TempDir
    private Path folder;

    @Test
    void readsAcrossShards() throws IOException {
        writeShard("model-1.safetensors", "a", "b");
        writeShard("model-2.safetensors", "c");
        Path index =
                writeIndex("\"a\":\"model-1.safetensors\",\"b\":\"model-1.safetensors\",\"c\":\"model-2.safetensors\"");
        try (ShardedSafetensors checkpoint = ShardedSafetensors.open(index)) {
            assertThat(checkpoint.tensors().keySet()).containsExactly("a", "b", "c");
            ByteBuffer bytes = ByteBuffer.allocate(1);
            checkpoint.read("c", 0, bytes);
            assertThat(bytes.get(0)).isEqualTo((byte) 'c');
            assertThatThrownBy(() -> checkpoint.read("d", 0, bytes)).hasMessageContaining("tensor 'd'");
        }
    }

    @Test
    void namesAMissingShard() throws IOException {
        Path index = writeIndex("\"a\":\"model-1.safetensors\"");
        assertThatThrownBy(() -> ShardedSafetensors.open(index))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("model-1.safetensors")
                .hasMessageContaining("is the download complete?");
    }

    @Test
    void refusesAnIndexThatDisagreesWithItsShards() throws IOException {
        writeShard("model-1.safetensors", "a", "b");
        assertInvalid("\"a\":\"model-1.safetensors\"", "does not place tensor 'b' of model-1.safetensors there");
        assertInvalid(
                "\"a\":\"model-1.safetensors\",\"b\":\"model-1.safetensors\",\"z\":\"model-1.safetensors\"",
                "places tensor 'z' in model-1.safetensors, which has none");
    }

    @Test
    void refusesPathsInAnIndex() throws IOException {
        assertInvalid("\"a\":\"../model-1.safetensors\"", "must name a file in the same folder");
        assertInvalid("\"a\":\"/etc/passwd\"", "must name a file in the same folder");
        assertInvalid("\"a\":3", "must name a file in the same folder");
        assertInvalid("", "has no weight_map object");
        Path index = Files.writeString(folder.resolve("index.json"), "{");
        assertThatThrownBy(() -> ShardedSafetensors.open(index)).hasMessageContaining("not valid JSON");
    }

    private void assertInvalid(String weightMap, String message) throws IOException {
        Path index = writeIndex(weightMap);
        assertThatThrownBy(() -> ShardedSafetensors.open(index))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("Invalid checkpoint index " + index)
                .hasMessageContaining(message);
    }

    private Path writeIndex(String weightMap) throws IOException {
        return Files.writeString(
                folder.resolve("model.safetensors.index.json"), "{\"metadata\":{},\"weight_map\":{" + weightMap + "}}");
    }

    private void writeShard(String file, String... tensors) throws IOException {
        List<SafetensorsWriter.Entry> entries = Arrays.stream(tensors)
                .map(name -> new SafetensorsWriter.Entry(
                        name,
                        DType.U8,
                        List.of(1L),
                        out -> out.write(ByteBuffer.wrap(new byte[] {(byte) name.charAt(0)}))))
                .toList();
        try (FileChannel out =
                FileChannel.open(folder.resolve(file), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            SafetensorsWriter.write(out, entries, Map.of());
        }
    }
}
