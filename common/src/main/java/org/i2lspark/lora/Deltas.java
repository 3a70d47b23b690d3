package org.i2lspark.lora;

import java.nio.ByteOrder;
import java.util.List;
import org.i2lspark.lora.LoraSource.Factors;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;

/** Arithmetic on deltas B·A in double precision that never forms them. */
final class Deltas {
    private static final Graph GRAPH = Graph.load(Deltas.class, "low_rank.py");

    private Deltas() {}

    /** The sum of the products of two deltas' entries; of a delta with itself, its squared Frobenius norm. */
    static double inner(Shape shape1, Factors factors1, Shape shape2, Factors factors2) {
        try (TensorScope scope = new TensorScope()) {
            return doubles(GRAPH.call(
                    scope,
                    "inner",
                    a(scope, shape1, factors1),
                    b(scope, shape1, factors1),
                    a(scope, shape2, factors2),
                    b(scope, shape2, factors2)))[0];
        }
    }

    /** The singular values of a delta, largest first, as many as its rank. */
    static double[] singularValues(Shape shape, Factors factors) {
        try (TensorScope scope = new TensorScope()) {
            return doubles(GRAPH.call(scope, "singular_values", a(scope, shape, factors), b(scope, shape, factors)));
        }
    }

    /** The closest delta of a lower rank (Eckart–Young), its singular values shared evenly between A and B. */
    static Factors reduce(Shape shape, Factors factors, int rank) {
        try (TensorScope scope = new TensorScope()) {
            List<Tensor> reduced =
                    GRAPH.callForList(scope, "reduce", a(scope, shape, factors), b(scope, shape, factors), rank);
            return new Factors(floats(reduced.get(0)), floats(reduced.get(1)));
        }
    }

    private static Tensor a(TensorScope scope, Shape shape, Factors factors) {
        return Tensors.ofFloats(scope, factors.a(), List.of((long) shape.rank(), (long) shape.in()));
    }

    private static Tensor b(TensorScope scope, Shape shape, Factors factors) {
        return Tensors.ofFloats(scope, factors.b(), List.of((long) shape.out(), (long) shape.rank()));
    }

    private static double[] doubles(Tensor tensor) {
        double[] values = new double[Math.toIntExact(tensor.size())];
        tensor.memory().order(ByteOrder.nativeOrder()).asDoubleBuffer().get(values);
        return values;
    }

    private static float[] floats(Tensor tensor) {
        float[] values = new float[Math.toIntExact(tensor.size())];
        tensor.memory().asFloatBuffer().get(values);
        return values;
    }
}
