package org.i2lspark.lora;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.i2lspark.lora.LoraSource.Factors;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.safetensors.DType;
import org.i2lspark.safetensors.SafetensorsWriter;
import org.i2lspark.torch.ElementType;

/** Writes a LoRA as a stream, asking its source for one module at a time. */
public final class LoraWriter {
    private final LoraSource source;
    private final int rank;
    private Shape latest;
    private Factors latestFactors;

    private LoraWriter(LoraSource source) {
        this.source = source;
        this.rank = source.rank();
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
        LoraWriter writer = new LoraWriter(source);
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        long rank = writer.rank;
        for (Shape module : source.modules()) {
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
            keyFormat.writtenAlpha(module.name()).ifPresent(alpha -> entries.add(alpha(alpha, rank)));
        }
        return SafetensorsWriter.write(out, entries, metadata);
    }

    /** A scale of one: alpha equals the rank, in float32, for bfloat16 has not every whole number above 256. */
    static SafetensorsWriter.Entry alpha(String name, long rank) {
        return new SafetensorsWriter.Entry(
                name,
                DType.F32,
                List.of(),
                channel -> channel.write(FloatCodec.encode(new float[] {rank}, ElementType.FLOAT32)));
    }

    /** A and B of a module stand next to each other in a file, so one module is kept. */
    private Factors factors(Shape module) throws IOException {
        if (!module.equals(latest)) {
            latestFactors = Ranks.pad(module, source.factors(module), rank);
            latest = module;
        }
        return latestFactors;
    }
}
