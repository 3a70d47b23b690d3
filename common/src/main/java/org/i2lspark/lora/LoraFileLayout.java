package org.i2lspark.lora;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.lora.StoredLayer.StoredFactors;
import org.i2lspark.safetensors.DType;
import org.i2lspark.safetensors.SafetensorsHeader;
import org.i2lspark.safetensors.SafetensorsHeader.Tensor;
import org.i2lspark.safetensors.SafetensorsWriter;
import org.i2lspark.torch.ElementType;

/**
 * Which tensors a LoRA file has and what its header says of them. That takes as long as copying some megabytes and is the
 * same for all LoRAs of the same modules, so it is kept.
 */
final class LoraFileLayout {
    private static final int KEPT = 16;

    private static final Map<Form, LoraFileLayout> LATEST = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Form, LoraFileLayout> eldest) {
            return size() > KEPT;
        }
    };

    private final SafetensorsHeader header;
    private final Map<String, Part> parts = new HashMap<>();

    private record Form(List<Shape> modules, ElementType type, KeyFormat keyFormat) {}

    /** What a tensor holds. */
    @FunctionalInterface
    private interface Part {
        ByteBuffer of(StoredFactors a, StoredFactors b) throws IOException;
    }

    private LoraFileLayout(Form form) {
        List<Tensor> tensors = new ArrayList<>();
        DType dtype = form.type().dtype();
        KeyFormat names = form.keyFormat();
        int bytes = form.type().byteSize();
        for (StoredLayer layer : StoredLayer.of(form.modules(), names)) {
            long rank = layer.rank();
            tensors.add(new Tensor(names.a(layer.name()), dtype, List.of(rank, (long) layer.in())));
            parts.put(names.a(layer.name()), (a, b) -> layer.a(a, bytes));
            tensors.add(new Tensor(names.b(layer.name()), dtype, List.of((long) layer.out(), rank)));
            parts.put(names.b(layer.name()), (a, b) -> layer.b(b, bytes));
            names.writtenAlpha(layer.name()).ifPresent(alpha -> {
                tensors.add(new Tensor(alpha, DType.F32, List.of()));
                parts.put(alpha, (a, b) -> alpha(rank));
            });
        }
        this.header = SafetensorsHeader.of(tensors);
    }

    static LoraFileLayout of(List<Shape> modules, ElementType type, KeyFormat keyFormat) {
        Form form = new Form(List.copyOf(modules), type, keyFormat);
        synchronized (LATEST) {
            return LATEST.computeIfAbsent(form, LoraFileLayout::new);
        }
    }

    /** A scale of one: alpha equals the rank, in float32, for bfloat16 has not every whole number above 256. */
    private static ByteBuffer alpha(long rank) {
        return FloatCodec.encode(new float[] {rank}, ElementType.FLOAT32);
    }

    /**
     * Writes a safetensors file.
     *
     * @param a {@code [rank, in]}
     * @param b {@code [out, rank]}
     * @return the number of bytes written
     */
    long write(WritableByteChannel out, Map<String, String> metadata, StoredFactors a, StoredFactors b)
            throws IOException {
        return SafetensorsWriter.write(
                out,
                header,
                metadata,
                (channel, tensor) -> channel.write(parts.get(tensor.name()).of(a, b)));
    }
}
