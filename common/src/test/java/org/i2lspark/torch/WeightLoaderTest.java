package org.i2lspark.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.i2lspark.safetensors.DType;
import org.i2lspark.safetensors.SafetensorsFile;
import org.i2lspark.safetensors.SafetensorsWriter;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.safetensors.TensorStore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WeightLoaderTest {
    private static final long MIB = 1 << 20;

    @TempDir
    private Path folder;

    /** Counts the bytes that are read. */
    private record CountingStore(TensorStore store, AtomicLong count) implements TensorStore {
        @Override
        public Map<String, TensorInfo> tensors() {
            return store.tensors();
        }

        @Override
        public String location() {
            return store.location();
        }

        @Override
        public void read(String tensor, long offset, ByteBuffer destination) throws IOException {
            assertThat(destination.isDirect()).isTrue();
            count.addAndGet(destination.remaining());
            store.read(tensor, offset, destination);
        }

        @Override
        public void close() throws IOException {
            store.close();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT16", "BFLOAT16", "FLOAT32", "FLOAT64"})
    void convertsWhatIsStored(ElementType stored) throws IOException {
        Path file = write(entry("a", stored, 1.5f, -2, 0.25f, 96), entry("b", stored, 1, 2, 3, 4));
        try (SafetensorsFile store = SafetensorsFile.open(file);
                WeightLoader loader = new WeightLoader(() -> store, store, ElementType.FLOAT32, TorchDevice.CPU);
                TensorScope scope = new TensorScope()) {
            List<Tensor> tensors = loader.load(scope, List.of("b", "a"));
            assertThat(tensors.get(0).toFloatRows().get(1)).containsExactly(3, 4);
            assertThat(tensors.get(1).toFloatRows().get(0)).containsExactly(1.5f, -2);
            Tensor stacked = loader.loadStacked(scope, List.of("b", "a"));
            assertThat(stacked.shape()).containsExactly(2L, 2L, 2L);
            Tensor second = Tensors.flatSlice(scope, stacked, 4, 4);
            assertThat(second.memory().asFloatBuffer().get(3)).isEqualTo(96);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "BFLOAT16"})
    void readsEachByteOnceAndNoneOntoTheHeap(ElementType precision) throws IOException {
        long elements = 40 * MIB;
        Path file = folder.resolve("large.safetensors");
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            SafetensorsWriter.write(
                    out,
                    List.of(new SafetensorsWriter.Entry("a", DType.F32, List.of(2L, elements / 2), channel -> {
                        ByteBuffer zeros = ByteBuffer.allocate((int) MIB);
                        for (long i = 0; i < elements * 4 / MIB; i++) {
                            channel.write(zeros.clear());
                        }
                    })),
                    Map.of());
        }
        Tensors.copy(ones(), ones());
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        AtomicLong count = new AtomicLong();
        try (TensorScope scope = new TensorScope();
                CountingStore store = new CountingStore(SafetensorsFile.open(file), count);
                WeightLoader loader = new WeightLoader(() -> store, store, precision, TorchDevice.CPU)) {
            long before = threads.getThreadAllocatedBytes(Thread.currentThread().getId());
            assertThat(loader.load(scope, List.of("a"))).hasSize(1);
            long allocated =
                    threads.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
            assertThat(count.get()).isEqualTo(elements * 4);
            assertThat(allocated).isLessThan(MIB);
        }
    }

    @Test
    void namesWeightsOfATypeThatCannotBeUsed() throws IOException {
        Path file = write(
                new SafetensorsWriter.Entry("a", DType.F8_E4M3, List.of(1L), out -> out.write(ByteBuffer.allocate(1))));
        try (SafetensorsFile store = SafetensorsFile.open(file);
                WeightLoader loader = new WeightLoader(() -> store, store, ElementType.FLOAT32, TorchDevice.CPU);
                TensorScope scope = new TensorScope()) {
            assertThatThrownBy(() -> loader.load(scope, List.of("a")))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("tensor 'a' of " + file)
                    .hasMessageContaining("weights of type F8_E4M3 are not supported");
        }
    }

    private static Tensor ones() {
        TensorScope scope = new TensorScope();
        return Tensors.ofRows(scope, List.of(new float[] {1}));
    }

    private Path write(SafetensorsWriter.Entry... entries) throws IOException {
        Path file = folder.resolve("file.safetensors");
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            SafetensorsWriter.write(out, Arrays.asList(entries), Map.of());
        }
        return file;
    }

    /** A 2×2 matrix of values that every type holds exactly. */
    private static SafetensorsWriter.Entry entry(String name, ElementType type, float... values) {
        return new SafetensorsWriter.Entry(name, type.dtype(), List.of(2L, 2L), out -> {
            ByteBuffer bytes =
                    ByteBuffer.allocate(values.length * type.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
            for (float value : values) {
                int bits = Float.floatToIntBits(value);
                switch (type) {
                    case FLOAT16 -> bytes.putShort(toHalf(bits));
                    case BFLOAT16 -> bytes.putShort((short) (bits >>> 16));
                    case FLOAT32 -> bytes.putFloat(value);
                    case FLOAT64 -> bytes.putDouble(value);
                    case UINT8 -> throw new IllegalArgumentException();
                }
            }
            out.write(bytes.flip());
        });
    }

    private static short toHalf(int bits) {
        int sign = bits >>> 16 & 0x8000;
        int exponent = (bits >>> 23 & 0xFF) - 127 + 15;
        return (short) (sign | exponent << 10 | (bits >>> 13 & 0x3FF));
    }
}
