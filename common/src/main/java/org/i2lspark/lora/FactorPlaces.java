package org.i2lspark.lora;

import java.nio.ByteBuffer;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.lora.LoraSource.Shape;

/** Where the factors of a LoRA lie in memory that comes in pieces. LoRAs of one rank and type share it. */
public final class FactorPlaces {
    private final Map<Shape, Place> a;
    private final Map<Shape, Place> b;
    private final List<Shape> modules;

    /**
     * The bytes of one factor, row-major.
     *
     * @param offset of the first in the piece
     */
    public record Place(int piece, int offset, int bytes) {
        ByteBuffer in(List<ByteBuffer> pieces) {
            return pieces.get(piece).slice(offset, bytes);
        }
    }

    /**
     * The places of all factors.
     *
     * @param a of {@code [rank, in]}, by module
     * @param b of {@code [out, rank]}, by module
     */
    public FactorPlaces(Map<Shape, Place> a, Map<Shape, Place> b) {
        this.a = new HashMap<>(a);
        this.b = new HashMap<>(b);
        this.modules =
                a.keySet().stream().sorted(Comparator.comparing(Shape::name)).toList();
    }

    /** The modules, in name order. */
    List<Shape> modules() {
        return modules;
    }

    Place a(Shape module) {
        return a.get(module);
    }

    Place b(Shape module) {
        return b.get(module);
    }
}
