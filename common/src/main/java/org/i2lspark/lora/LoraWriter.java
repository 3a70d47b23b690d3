package org.i2lspark.lora;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.i2lspark.lora.LoraSource.Factors;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.safetensors.SafetensorsWriter;
import org.i2lspark.torch.ElementType;

/** Writes a LoRA as a stream, asking its source for one module at a time. */
public final class LoraWriter {
    private final LoraSource source;
    private Shape latest;
    private Factors latestFactors;

    private LoraWriter(LoraSource source) {
        this.source = source;
    }

    /**
     * Writes a safetensors file.
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
        LoraWriter writer = new LoraWriter(source);
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        for (Shape module : source.modules()) {
            long rank = module.rank();
            entries.add(new SafetensorsWriter.Entry(
                    keyFormat.a(module.name()),
                    type.dtype(),
                    List.of(rank, (long) module.in()),
                    channel -> channel.write(
                            FloatCodec.encode(writer.factors(module).a(), type))));
            entries.add(new SafetensorsWriter.Entry(
                    keyFormat.b(module.name()),
                    type.dtype(),
                    List.of((long) module.out(), rank),
                    channel -> channel.write(
                            FloatCodec.encode(writer.factors(module).b(), type))));
            keyFormat.writtenAlpha(module.name()).ifPresent(alpha -> entries.add(alpha(alpha, type, rank)));
        }
        return SafetensorsWriter.write(out, entries, metadata);
    }

    /** A scale of one: alpha equals the rank. */
    static SafetensorsWriter.Entry alpha(String name, ElementType type, long rank) {
        return new SafetensorsWriter.Entry(
                name, type.dtype(), List.of(), channel -> channel.write(FloatCodec.encode(new float[] {rank}, type)));
    }

    /** A and B of a module stand next to each other in a file, so one module is kept. */
    private Factors factors(Shape module) throws IOException {
        if (!module.equals(latest)) {
            latestFactors = source.factors(module);
            latest = module;
        }
        return latestFactors;
    }
}
