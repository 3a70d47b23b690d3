package org.i2lspark.model;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import org.i2lspark.model.SyntheticWeights.Recipe;
import org.i2lspark.safetensors.DType;
import org.i2lspark.safetensors.SafetensorsFile;
import org.i2lspark.safetensors.SafetensorsWriter;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.safetensors.TensorStore;

/**
 * A checkpoint of any size in a few kilobytes: a safetensors file whose header says that its weights are made up, and a hole
 * in the weights' place. What is read of it are evenly spread bfloat16 values of the tensor's scale, the same each time, as
 * fast as memory is copied. They repeat after {@value #BLOCK_VALUES} values.
 */
final class MadeUpWeights implements TensorStore {
    private static final String MARK = "i2l.weights";
    private static final String MADE_UP = "made up";
    private static final int BLOCK_VALUES = 1 << 20;
    private static final int BLOCK_BYTES = BLOCK_VALUES * Short.BYTES;
    private static final long SEED = 7;
    private static final byte[] HOLE = new byte[1 << 20];

    private record Spread(float scale, float offset) {}

    private static final Map<Spread, ByteBuffer> BLOCKS = new ConcurrentHashMap<>();

    private final SafetensorsFile file;

    MadeUpWeights(SafetensorsFile file) {
        this.file = file;
    }

    static boolean areIn(SafetensorsFile file) {
        return MADE_UP.equals(file.metadata().get(MARK));
    }

    /** Writes such a checkpoint, and the folders that lead to it. */
    static void write(Path path, List<Recipe> tensors) throws IOException {
        Files.createDirectories(path.toAbsolutePath().getParent());
        List<SafetensorsWriter.Entry> entries = tensors.stream()
                .map(recipe -> new SafetensorsWriter.Entry(
                        recipe.name(), DType.BF16, recipe.shape(), out -> skip(out, recipe.shape())))
                .toList();
        try (RandomAccessFile out = new RandomAccessFile(path.toFile(), "rw")) {
            out.setLength(0);
            long bytes = SafetensorsWriter.write(new Holes(out.getChannel()), entries, Map.of(MARK, MADE_UP));
            out.setLength(bytes);
        }
    }

    private static void skip(WritableByteChannel out, List<Long> shape) throws IOException {
        long left = shape.stream().reduce(1L, Math::multiplyExact) * Short.BYTES;
        while (left > 0) {
            left -= out.write(ByteBuffer.wrap(HOLE, 0, (int) Math.min(HOLE.length, left)));
        }
    }

    /** Leaves out what is {@link #HOLE}. */
    private record Holes(FileChannel file) implements WritableByteChannel {
        @Override
        public int write(ByteBuffer bytes) throws IOException {
            if (bytes.arrayOffset() != 0 || bytes.array() != HOLE) {
                return file.write(bytes);
            }
            int length = bytes.remaining();
            file.position(file.position() + length);
            bytes.position(bytes.limit());
            return length;
        }

        @Override
        public boolean isOpen() {
            return file.isOpen();
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }

    @Override
    public Map<String, TensorInfo> tensors() {
        return file.tensors();
    }

    @Override
    public String location() {
        return file.location();
    }

    @Override
    public void read(String tensor, long offset, ByteBuffer destination) {
        TensorInfo info = tensors().get(tensor);
        if (info == null || offset < 0 || destination.remaining() > info.byteSize() - offset) {
            throw new IllegalArgumentException("Cannot read %d bytes at %d of tensor '%s' of %s"
                    .formatted(destination.remaining(), offset, tensor, location()));
        }
        Recipe recipe = SampleModels.recipe(tensor, info.shape());
        ByteBuffer block = BLOCKS.computeIfAbsent(new Spread(recipe.scale(), recipe.offset()), MadeUpWeights::block);
        long start = Integer.toUnsignedLong(tensor.hashCode()) * Short.BYTES + offset;
        while (destination.hasRemaining()) {
            int from = (int) (start % BLOCK_BYTES);
            int length = Math.min(destination.remaining(), BLOCK_BYTES - from);
            destination.put(destination.position(), block, from, length);
            destination.position(destination.position() + length);
            start += length;
        }
    }

    private static ByteBuffer block(Spread spread) {
        Random random = new Random(SEED);
        ByteBuffer block = ByteBuffer.allocateDirect(BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        while (block.hasRemaining()) {
            float value = spread.offset + spread.scale * (2 * random.nextFloat() - 1);
            block.putShort((short) (Float.floatToRawIntBits(value) >>> Short.SIZE));
        }
        return block;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
