package org.i2lspark.jobs.bench;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;

/**
 * What a device does at most, measured.
 *
 * @param flops floating-point operations a second of a large product of square matrices
 * @param memory bytes a second read and written when a tensor is copied on the device
 * @param link bytes a second from the device to the host, into memory that the device can write to
 */
record DeviceRates(double flops, double memory, double link) {
    private static final int REPEATS = 5;
    private static final int AT_ONCE = 8;

    /** Measures with matrices of {@code size} rows and columns. */
    static DeviceRates measure(TorchDevice device, ElementType type, int size) {
        try (Graph graph = Graph.load(DeviceRates.class, "device_rates.py");
                TensorScope scope = new TensorScope()) {
            Tensor left = graph.call(scope, "random", size, type, device);
            Tensor right = graph.call(scope, "random", size, type, device);
            Tensor host = Tensors.emptyStaging(scope, left.shape(), type, device);
            double bytes = (double) size * size * type.byteSize();
            double multiply = seconds(left, type, () -> {
                try (TensorScope products = new TensorScope()) {
                    graph.call(products, "multiply", left, right);
                }
            });
            double copy = seconds(left, type, () -> Tensors.copy(right, left));
            double toHost = seconds(left, type, () -> Tensors.copy(left, host));
            return new DeviceRates(2.0 * size * size * size / multiply, 2 * bytes / copy, bytes / toHost);
        }
    }

    Map<String, Object> facts() {
        return Map.of("flops", flops, "memory_bytes_a_second", memory, "link_bytes_a_second", link);
    }

    String text() {
        return String.format(
                Locale.ROOT,
                "The device does %.2f TFLOP/s, moves %.0f GB/s in its memory and %.1f GB/s to the host%n",
                flops / 1e12,
                memory / 1e9,
                link / 1e9);
    }

    /** Of the quickest of some tries, each of which ends when the device has done all. */
    private static double seconds(Tensor on, ElementType type, Runnable work) {
        double best = Double.MAX_VALUE;
        for (int i = 0; i <= REPEATS; i++) {
            long start = System.nanoTime();
            for (int k = 0; k < AT_ONCE; k++) {
                work.run();
            }
            await(on, type);
            best = Math.min(best, (System.nanoTime() - start) / 1e9 / AT_ONCE);
        }
        return best;
    }

    private static void await(Tensor on, ElementType type) {
        try (TensorScope scope = new TensorScope()) {
            Tensor host = Tensors.empty(scope, List.of(1L), type, TorchDevice.CPU);
            Tensors.copy(Tensors.flatSlice(scope, on, 0, 1), host);
        }
    }
}
