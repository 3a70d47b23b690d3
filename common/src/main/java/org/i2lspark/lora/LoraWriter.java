package org.i2lspark.lora;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.lora.LoraSource.Factors;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.torch.ElementType;

/** Writes a LoRA as a stream, asking its source for one module at a time. */
public final class LoraWriter {
    /** As many as a file has as one. */
    private static final int KEPT = 3;

    private final LoraSource source;
    private final ElementType type;
    private final int rank;
    private final Map<String, Shape> modules = new HashMap<>();
    private final Map<String, Factors> latest = new LinkedHashMap<>();

    private LoraWriter(LoraSource source, ElementType type) {
        this.source = source;
        this.type = type;
        this.rank = source.rank();
        source.modules().forEach(module -> modules.put(module.name(), module));
    }

    /**
     * Writes a safetensors file that says of itself what the source says, as far as it still holds.
     *
     * @param type float32 or bfloat16
     * @return the number of bytes written
     */
    public static long write(WritableByteChannel out, LoraSource source, ElementType type, KeyFormat keyFormat)
            throws IOException {
        return write(out, source, type, keyFormat, LoraHeader.of(source.metadata(), source.rank()));
    }

    /**
     * Writes a safetensors file. All modules get the highest rank, with zeros: where ranks differ, diffusers before 0.42 and
     * a PEFT config without patterns take some deltas for stronger or weaker than they are, or do not load at all.
     *
     * @param type float32 or bfloat16
     * @return the number of bytes written
     */
    public static long write(
            WritableByteChannel out,
            LoraSource source,
            ElementType type,
            KeyFormat keyFormat,
            Map<String, String> metadata)
            throws IOException {
        LoraWriter writer = new LoraWriter(source, type);
        List<Shape> padded = source.modules().stream()
                .map(module -> new Shape(module.name(), writer.rank, module.in(), module.out()))
                .toList();
        return LoraFileLayout.of(padded, type, keyFormat).write(out, metadata, writer::a, writer::b);
    }

    private ByteBuffer a(Shape module) throws IOException {
        return FloatCodec.encode(factors(module.name()).a(), type);
    }

    private ByteBuffer b(Shape module) throws IOException {
        return FloatCodec.encode(factors(module.name()).b(), type);
    }

    /** A and B of a layer stand next to each other in a file, and a layer has a few modules, so these are kept. */
    private Factors factors(String name) throws IOException {
        Factors factors = latest.get(name);
        if (factors == null) {
            Shape module = modules.get(name);
            factors = Ranks.pad(module, source.factors(module), rank);
            if (latest.size() == KEPT) {
                latest.remove(latest.keySet().iterator().next());
            }
            latest.put(name, factors);
        }
        return factors;
    }
}
