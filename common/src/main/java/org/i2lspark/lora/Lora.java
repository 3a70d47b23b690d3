package org.i2lspark.lora;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.i2lspark.safetensors.SafetensorsWriter;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TensorScope;

/** A LoRA in native memory: the factors of every adapted layer. Closing it frees that memory. */
public final class Lora implements AutoCloseable {
    private final ElementType type;
    private final List<LoraModule> modules;
    private final TensorScope memory;

    /**
     * A LoRA of these modules.
     *
     * @param type of all factors
     * @param memory owns the factors' bytes and is closed with this LoRA
     */
    public Lora(ElementType type, List<LoraModule> modules, TensorScope memory) {
        this.type = type;
        this.modules = List.copyOf(modules);
        this.memory = memory;
    }

    public ElementType type() {
        return type;
    }

    public List<LoraModule> modules() {
        return modules;
    }

    /** The rank, which all modules share. */
    public long rank() {
        return modules.get(0).rank();
    }

    /**
     * Writes a safetensors file.
     *
     * @return the number of bytes written
     */
    public long write(WritableByteChannel out, KeyFormat keyFormat, Map<String, String> metadata) throws IOException {
        List<SafetensorsWriter.Entry> entries = new ArrayList<>(modules.size() * 2);
        for (LoraModule module : modules) {
            entries.add(entry(keyFormat.a(module.name()), List.of(module.rank(), module.in()), module.a()));
            entries.add(entry(keyFormat.b(module.name()), List.of(module.out(), module.rank()), module.b()));
        }
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
