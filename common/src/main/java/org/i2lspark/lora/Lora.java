package org.i2lspark.lora;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TensorScope;

/** A LoRA in native memory: the factors of every adapted layer. Closing it gives that memory back, for the next LoRA. */
public final class Lora implements LoraSource, AutoCloseable {
    private final ElementType type;
    private final FactorPlaces places;
    private final List<ByteBuffer> pieces;
    private final TensorScope memory;
    private final Optional<Reduction> reduction;

    /**
     * A LoRA whose factors lie in these pieces of memory.
     *
     * @param type of all factors
     * @param memory owns the pieces and is closed with this LoRA
     * @param reduction that led to its rank, if one did
     */
    public Lora(
            ElementType type,
            FactorPlaces places,
            List<ByteBuffer> pieces,
            TensorScope memory,
            Optional<Reduction> reduction) {
        this.type = type;
        this.places = places;
        this.pieces = List.copyOf(pieces);
        this.memory = memory;
        this.reduction = reduction;
    }

    public ElementType type() {
        return type;
    }

    /** What was lost when it was brought to its rank; empty if it has the rank that it was decoded with. */
    public Optional<Reduction> reduction() {
        return reduction;
    }

    @Override
    public List<Shape> modules() {
        return places.modules();
    }

    @Override
    public Factors factors(Shape module) {
        return new Factors(FloatCodec.decode(a(module), type.dtype()), FloatCodec.decode(b(module), type.dtype()));
    }

    /** The stored elements of {@code [rank, in]}, row-major. */
    private ByteBuffer a(Shape module) {
        return places.a(module).in(pieces);
    }

    /** The stored elements of {@code [out, rank]}, row-major. */
    private ByteBuffer b(Shape module) {
        return places.b(module).in(pieces);
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
        return LoraFileLayout.of(modules(), type, keyFormat).write(out, metadata, this::a, this::b);
    }

    @Override
    public void close() {
        memory.close();
    }
}
