package org.i2lspark.torch;

import static java.util.Objects.requireNonNull;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A handle on a native tensor. DJL does not know bfloat16 and ends the JVM when it is asked for the type of such a
 * tensor, so this class never asks; all it needs is the handle, the shape and the bytes.
 */
public final class Tensor implements AutoCloseable {
    private final PtNDArray array;
    private final TensorScope scope;

    Tensor(PtNDArray array, TensorScope scope) {
        this.array = requireNonNull(array, "array is null");
        this.scope = requireNonNull(scope, "scope is null");
    }

    PtNDArray array() {
        return array;
    }

    /** Dimensions, outermost first. */
    public List<Long> shape() {
        return Arrays.stream(array.getShape().getShape()).boxed().toList();
    }

    /** Number of elements. */
    public long size() {
        return array.getShape().size();
    }

    /**
     * The memory of a contiguous tensor on the CPU, in native byte order, not a copy. Valid until the tensor is closed.
     *
     * @throws ai.djl.engine.EngineException if the tensor takes more than 2 GiB
     */
    public ByteBuffer memory() {
        return JniUtils.getByteBuffer(array, true).order(ByteOrder.nativeOrder());
    }

    /** The rows of a contiguous float32 matrix on the CPU. */
    public List<float[]> toFloatRows() {
        List<Long> shape = shape();
        FloatBuffer floats = memory().asFloatBuffer();
        List<float[]> rows = new ArrayList<>();
        for (long i = 0; i < shape.get(0); i++) {
            float[] row = new float[Math.toIntExact(shape.get(1))];
            floats.get(row);
            rows.add(row);
        }
        return rows;
    }

    /** Frees the memory early; closing the scope does it too. */
    @Override
    public void close() {
        array.close();
        scope.forget(this);
    }
}
