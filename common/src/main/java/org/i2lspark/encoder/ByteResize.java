package org.i2lspark.encoder;

import java.util.List;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;

/**
 * Brings square 8-bit images from one size to another as torch does on a CPU: antialiased, along rows and then along columns,
 * with weights of 16 bits and a result of 8 bits each time. Elsewhere torch cannot do this to bytes, so that there the two
 * passes are products with the matrix of the same weights.
 */
final class ByteResize {
    private static final Graph GRAPH = Graph.load(ByteResize.class, "resize.py");

    private final FixedPointWeights.Filter filter;
    private final int from;
    private final int to;
    private final boolean products;
    private final FixedPointWeights weights;
    private final Tensor matrix;

    private ByteResize(
            TensorScope scope,
            FixedPointWeights.Filter filter,
            int from,
            int to,
            TorchDevice device,
            boolean products) {
        this.filter = filter;
        this.from = from;
        this.to = to;
        this.products = products && from != to;
        this.weights = this.products ? FixedPointWeights.of(filter, from, to) : null;
        this.matrix = this.products ? upload(scope, weights, device) : null;
    }

    /** The fastest way on this device. */
    static ByteResize on(TensorScope scope, FixedPointWeights.Filter filter, int from, int to, TorchDevice device) {
        return new ByteResize(scope, filter, from, to, device, !device.isCpu());
    }

    /** The way that every device has. */
    static ByteResize byProducts(
            TensorScope scope, FixedPointWeights.Filter filter, int from, int to, TorchDevice device) {
        return new ByteResize(scope, filter, from, to, device, true);
    }

    private static Tensor upload(TensorScope scope, FixedPointWeights weights, TorchDevice device) {
        ElementType type = weights.fitFloat32() ? ElementType.FLOAT32 : ElementType.FLOAT64;
        try (TensorScope temporary = new TensorScope()) {
            List<Long> shape = List.of((long) weights.to(), (long) weights.from());
            Tensor matrix = Tensors.empty(scope, shape, type, device);
            Tensors.copy(Tensors.ofFloats(temporary, weights.matrix(), shape), matrix);
            return matrix;
        }
    }

    /**
     * Resizes a batch.
     *
     * @param crops {@code [images, from, from, 3]} uint8, on the device
     * @return {@code [images, 3, to, to]} uint8, on the device
     */
    Tensor apply(TensorScope scope, Tensor crops) {
        if (crops.shape().get(1) != from) {
            throw new IllegalArgumentException("Invalid crop: %d pixels a side (expected %d)"
                    .formatted(crops.shape().get(1), from));
        }
        if (from == to) {
            return GRAPH.call(scope, "planes", crops);
        }
        if (products) {
            return GRAPH.call(scope, "products", crops, matrix, weights.scale());
        }
        return GRAPH.call(
                scope,
                switch (filter) {
                    case BILINEAR -> "bilinear";
                    case BICUBIC -> "bicubic";
                },
                crops,
                to);
    }
}
