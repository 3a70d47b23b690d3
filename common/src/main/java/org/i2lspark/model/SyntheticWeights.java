package org.i2lspark.model;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.i2lspark.safetensors.DType;
import org.i2lspark.safetensors.SafetensorsWriter;

/**
 * Made-up weights that follow from a tensor's name alone, for checkpoints of any size without storing one: element i is
 * {@code offset + scale * (2u - 1)} with {@code u = (splitmix64(fnv1a64(name) ^ seed, i) >>> 40) * 2^-24}.
 */
public final class SyntheticWeights {
    private static final int CHUNK_ELEMENTS = 1 << 16;

    private SyntheticWeights() {}

    /** One tensor of such a checkpoint. */
    public record Recipe(String name, List<Long> shape, float scale, float offset) {}

    /** Writes a float32 checkpoint file, and the folders that lead to it. */
    public static void write(Path file, List<Recipe> tensors, long seed) throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
        List<SafetensorsWriter.Entry> entries =
                tensors.stream().map(recipe -> entry(recipe, seed)).toList();
        try (FileChannel out = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            SafetensorsWriter.write(out, entries, Map.of("format", "pt"));
        }
    }

    private static SafetensorsWriter.Entry entry(Recipe recipe, long seed) {
        return new SafetensorsWriter.Entry(recipe.name(), DType.F32, recipe.shape(), out -> {
            long state = fnv1a64(recipe.name()) ^ seed;
            long size = recipe.shape().stream().reduce(1L, Math::multiplyExact);
            ByteBuffer chunk = ByteBuffer.allocate(CHUNK_ELEMENTS * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            for (long i = 0; i < size; i++) {
                float u = (splitmix64(state, i) >>> 40) * 0x1p-24f;
                chunk.putFloat(recipe.offset() + recipe.scale() * (2 * u - 1));
                if (!chunk.hasRemaining() || i == size - 1) {
                    out.write(chunk.flip());
                    chunk.clear();
                }
            }
        });
    }

    private static long fnv1a64(String text) {
        long hash = 0xCBF29CE484222325L;
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            hash = (hash ^ (b & 0xFF)) * 0x100000001B3L;
        }
        return hash;
    }

    private static long splitmix64(long state, long index) {
        long z = state + (index + 1) * 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
