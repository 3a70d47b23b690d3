package org.i2lspark.lora;

import java.util.ArrayList;
import java.util.List;
import org.i2lspark.lora.LoraSource.Factors;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;

/** Arithmetic on deltas B·A in double precision that never forms them. */
public final class Deltas {
    private static final Graph GRAPH = Graph.load(Deltas.class, "low_rank.py");

    private Deltas() {}

    /** The sum of the products of two deltas' entries; of a delta with itself, its squared Frobenius norm. */
    static double inner(Shape shape1, Factors factors1, Shape shape2, Factors factors2) {
        try (TensorScope scope = new TensorScope()) {
            Tensor inner = GRAPH.call(
                    scope,
                    "inner",
                    a(scope, shape1, factors1),
                    b(scope, shape1, factors1),
                    a(scope, shape2, factors2),
                    b(scope, shape2, factors2));
            return inner.memory().asDoubleBuffer().get();
        }
    }

    /** The singular values of a delta, largest first, as many as its rank. */
    static double[] singularValues(Shape shape, Factors factors) {
        try (TensorScope scope = new TensorScope()) {
            return rows(GRAPH.call(scope, "singular_values", a(scope, shape, factors), b(scope, shape, factors)))
                    .get(0);
        }
    }

    /** The closest delta of a lower rank (Eckart–Young), its singular values shared evenly between A and B. */
    static Factors reduce(Shape shape, Factors factors, int rank) {
        try (TensorScope scope = new TensorScope()) {
            Tensor a = empty(scope, List.of(1L, (long) rank, (long) shape.in()));
            Tensor b = empty(scope, List.of(1L, (long) shape.out(), (long) rank));
            reduce(a(scope, shape, factors), b(scope, shape, factors), a, b);
            return new Factors(floats(a), floats(b));
        }
    }

    private static Tensor empty(TensorScope scope, List<Long> shape) {
        return Tensors.empty(scope, shape, ElementType.FLOAT32, TorchDevice.CPU);
    }

    /**
     * Computes the closest deltas of a lower rank r for modules of one shape, on the device where their factors are.
     *
     * @param a {@code [modules, rank, in]}
     * @param b {@code [modules, out, rank]}
     * @param reducedA takes {@code [modules, r, in]}, in its own element type
     * @param reducedB takes {@code [modules, out, r]}, in its own element type
     * @return the singular values of each module's delta, largest first, as many as the rank
     */
    public static List<double[]> reduce(Tensor a, Tensor b, Tensor reducedA, Tensor reducedB) {
        try (TensorScope scope = new TensorScope()) {
            return rows(GRAPH.call(scope, "reduce", a, b, reducedA, reducedB));
        }
    }

    private static Tensor a(TensorScope scope, Shape shape, Factors factors) {
        return Tensors.ofFloats(scope, factors.a(), List.of(1L, (long) shape.rank(), (long) shape.in()));
    }

    private static Tensor b(TensorScope scope, Shape shape, Factors factors) {
        return Tensors.ofFloats(scope, factors.b(), List.of(1L, (long) shape.out(), (long) shape.rank()));
    }

    private static List<double[]> rows(Tensor matrix) {
        int columns = Math.toIntExact(matrix.shape().get(1));
        var values = matrix.memory().asDoubleBuffer();
        List<double[]> rows = new ArrayList<>();
        while (values.hasRemaining()) {
            double[] row = new double[columns];
            values.get(row);
            rows.add(row);
        }
        return rows;
    }

    private static float[] floats(Tensor tensor) {
        float[] values = new float[Math.toIntExact(tensor.size())];
        tensor.memory().asFloatBuffer().get(values);
        return values;
    }
}
