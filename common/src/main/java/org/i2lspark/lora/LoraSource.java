package org.i2lspark.lora;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** A LoRA whose factors are read or computed one module at a time. */
public interface LoraSource {
    /**
     * The sizes of an adapted linear layer, whose weight changes by B·A.
     *
     * @param name of the layer, such as {@code transformer_blocks.0.attn.to_q}
     */
    record Shape(String name, int rank, int in, int out) {}

    /** The factors of a module: {@code a} is {@code [rank, in]} and {@code b} {@code [out, rank]}, row-major. */
    record Factors(float[] a, float[] b) {}

    /** The modules, in name order. */
    List<Shape> modules();

    /** The factors of one of the modules. */
    Factors factors(Shape module) throws IOException;

    /** What the LoRA says of itself. */
    Map<String, String> metadata();

    /** The transformer that it is for. */
    default Transformer transformer() {
        return Transformer.of(modules().stream().map(Shape::name).toList()).orElseThrow();
    }

    /** The rank that modules share, or the highest where they differ. */
    default int rank() {
        return modules().stream().mapToInt(Shape::rank).max().orElse(0);
    }
}
