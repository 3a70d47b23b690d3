package org.i2lspark.lora;

import java.util.Arrays;
import org.i2lspark.lora.LoraSource.Factors;
import org.i2lspark.lora.LoraSource.Shape;

/** Brings factors to a higher rank without changing their delta. */
final class Ranks {
    private Ranks() {}

    /** Adds zero rows to A and zero columns to B. */
    static Factors pad(Shape shape, Factors factors, int rank) {
        if (rank == shape.rank()) {
            return factors;
        }
        float[] b = new float[shape.out() * rank];
        for (int row = 0; row < shape.out(); row++) {
            System.arraycopy(factors.b(), row * shape.rank(), b, row * rank, shape.rank());
        }
        return new Factors(Arrays.copyOf(factors.a(), rank * shape.in()), b);
    }
}
