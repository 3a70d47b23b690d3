package org.i2lspark.lora;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.lora.Transformer.Fusion;
import org.i2lspark.lora.Transformer.Linear;

/**
 * A layer as a file has it: one of the transformer's, or several as one. Of several, the A are joined along the rank and B is
 * block-diagonal, so that the delta of each stays what it is; kohya's {@code convert_z_image_lora_to_comfy.py} does the same.
 *
 * @param out outputs, also of parts that the LoRA does not adapt
 */
record StoredLayer(String name, int in, int out, List<Part> parts) {
    /**
     * A layer that is adapted.
     *
     * @param firstRow of its outputs among those of the whole
     */
    record Part(Shape module, int firstRow) {}

    /** The stored elements of one of the two factors of any module, row-major, in a buffer that may be read to its end. */
    @FunctionalInterface
    interface StoredFactors {
        ByteBuffer of(Shape module) throws IOException;
    }

    /** The layers of a file whose names are in a format. */
    static List<StoredLayer> of(List<Shape> modules, KeyFormat format) {
        Map<String, Shape> byName = modules.stream().collect(Collectors.toMap(Shape::name, Function.identity()));
        Map<String, StoredLayer> layers = new LinkedHashMap<>();
        for (Shape module : modules) {
            StoredLayer layer = format.fusesLayers()
                    ? Transformer.fusionWith(module.name())
                            .map(fusion -> fused(fusion, module, byName))
                            .orElseGet(() -> alone(module))
                    : alone(module);
            layers.put(layer.name, layer);
        }
        return List.copyOf(layers.values());
    }

    private static StoredLayer alone(Shape module) {
        return new StoredLayer(module.name(), module.in(), module.out(), List.of(new Part(module, 0)));
    }

    /** Parts that are not adapted are as wide as in a transformer in which an adapted one is as wide as it is here. */
    private static StoredLayer fused(Fusion fusion, Shape adapted, Map<String, Shape> modules) {
        String layer = Transformer.layer(adapted.name());
        long released = fusion.parts().stream()
                .filter(part -> part.name().equals(layer))
                .mapToLong(Linear::out)
                .findFirst()
                .orElseThrow();
        List<Part> parts = new ArrayList<>();
        int row = 0;
        for (Linear linear : fusion.parts()) {
            Shape module = modules.get(Transformer.sibling(adapted.name(), linear.name()));
            if (module != null) {
                parts.add(new Part(module, row));
            }
            row += module == null ? Math.toIntExact(linear.out() * adapted.out() / released) : module.out();
        }
        return new StoredLayer(
                Transformer.sibling(adapted.name(), fusion.name()), adapted.in(), row, List.copyOf(parts));
    }

    int rank() {
        return parts.stream().mapToInt(part -> part.module.rank()).sum();
    }

    /** The elements of {@code [rank, in]}. */
    ByteBuffer a(StoredFactors factors, int elementBytes) throws IOException {
        if (parts.size() == 1) {
            return factors.of(parts.get(0).module);
        }
        ByteBuffer joined = ByteBuffer.allocate(rank() * in * elementBytes);
        for (Part part : parts) {
            joined.put(factors.of(part.module));
        }
        return joined.flip();
    }

    /** The elements of {@code [out, rank]}; zero bytes are a zero in all types. */
    ByteBuffer b(StoredFactors factors, int elementBytes) throws IOException {
        if (parts.size() == 1 && parts.get(0).module.out() == out) {
            return factors.of(parts.get(0).module);
        }
        int rowBytes = rank() * elementBytes;
        ByteBuffer blocks = ByteBuffer.allocate(out * rowBytes);
        int column = 0;
        for (Part part : parts) {
            ByteBuffer own = factors.of(part.module);
            int length = part.module.rank() * elementBytes;
            for (int row = 0; row < part.module.out(); row++) {
                blocks.put((part.firstRow + row) * rowBytes + column, own, own.position() + row * length, length);
            }
            column += length;
        }
        return blocks;
    }
}
