package org.i2lspark.lora;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.i2lspark.safetensors.DType;
import org.i2lspark.safetensors.SafetensorsWriter;
import org.i2lspark.torch.ElementType;

/** A safetensors file of any tensors and header, as no tool of ours would write it. */
final class TensorFile {
    private final List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    private final Map<String, String> header = new TreeMap<>();

    /** A float32 tensor. */
    TensorFile with(String name, List<Long> shape, float... values) {
        ByteBuffer bytes = FloatCodec.encode(values, ElementType.FLOAT32);
        return with(name, DType.F32, shape, bytes);
    }

    TensorFile with(String name, DType type, List<Long> shape, ByteBuffer bytes) {
        entries.add(new SafetensorsWriter.Entry(name, type, shape, out -> out.write(bytes.duplicate())));
        return this;
    }

    TensorFile withHeader(String field, String value) {
        header.put(field, value);
        return this;
    }

    /** Factors of rank 2 for a layer of one input and one output: B·A is {@code 3 + 5}. */
    static TensorFile ofPair(String a, String b) {
        return new TensorFile().pair(a, b);
    }

    TensorFile pair(String a, String b) {
        return with(a, List.of(2L, 1L), 3, 5).with(b, List.of(1L, 2L), 1, 1);
    }

    Path write(Path path) throws IOException {
        try (FileChannel out = FileChannel.open(
                path, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            SafetensorsWriter.write(out, entries, header);
        }
        return path;
    }
}
