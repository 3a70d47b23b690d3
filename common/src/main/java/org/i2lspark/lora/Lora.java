package org.i2lspark.lora;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.i2lspark.safetensors.SafetensorsWriter;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TensorScope;

/** A LoRA in native memory: the factors of every adapted layer. Closing it frees that memory. */
public final class Lora implements LoraSource, AutoCloseable {
    private final ElementType type;
    private final Map<Shape, LoraModule> modules = new TreeMap<>(Comparator.comparing(Shape::name));
    private final TensorScope memory;

    /**
     * A LoRA of these modules.
     *
     * @param type of all factors
     * @param memory owns the factors' bytes and is closed with this LoRA
     */
    public Lora(ElementType type, List<LoraModule> modules, TensorScope memory) {
        this.type = type;
        modules.forEach(module -> this.modules.put(module.shape(), module));
        this.memory = memory;
    }

    public ElementType type() {
        return type;
    }

    @Override
    public List<Shape> modules() {
        return modules.keySet().stream().toList();
    }

    @Override
    public Factors factors(Shape module) {
        LoraModule bytes = modules.get(module);
        return new Factors(FloatCodec.decode(bytes.a(), type.dtype()), FloatCodec.decode(bytes.b(), type.dtype()));
    }

    /** {@inheritDoc} Nothing yet: what a LoRA says of itself is decided when it is written. */
    @Override
    public Map<String, String> metadata() {
        return Map.of();
    }

    /**
     * Writes a safetensors file.
     *
     * @return the number of bytes written
     */
    public long write(WritableByteChannel out, KeyFormat keyFormat, Map<String, String> metadata) throws IOException {
        List<SafetensorsWriter.Entry> entries = new ArrayList<>(modules.size() * 2);
        modules.forEach((shape, bytes) -> {
            long rank = shape.rank();
            entries.add(entry(keyFormat.a(shape.name()), List.of(rank, (long) shape.in()), bytes.a()));
            entries.add(entry(keyFormat.b(shape.name()), List.of((long) shape.out(), rank), bytes.b()));
            keyFormat.writtenAlpha(shape.name()).ifPresent(alpha -> entries.add(LoraWriter.alpha(alpha, rank)));
        });
        return SafetensorsWriter.write(out, entries, metadata);
    }

    private SafetensorsWriter.Entry entry(String name, List<Long> shape, ByteBuffer bytes) {
        return new SafetensorsWriter.Entry(name, type.dtype(), shape, out -> out.write(bytes.duplicate()));
    }

    @Override
    public void close() {
        memory.close();
    }
}
