package org.i2lspark.encoder;

import java.util.List;
import org.i2lspark.image.RgbImage;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;

/** Runs the method {@code resize} of an encoder's graph. */
final class ResizeGraph {
    private ResizeGraph() {}

    /** The crop at another size, {@code 3×size×size} bytes, one plane after the other. */
    static byte[] resize(Graph graph, RgbImage crop, int size) {
        try (TensorScope temporary = new TensorScope()) {
            Tensor pixels =
                    Tensors.ofBytes(temporary, crop.pixels(), List.of((long) crop.height(), (long) crop.width(), 3L));
            Tensor resized = graph.call(temporary, "resize", pixels, size);
            byte[] planes = new byte[Math.toIntExact(resized.size())];
            resized.memory().get(planes);
            return planes;
        }
    }
}
