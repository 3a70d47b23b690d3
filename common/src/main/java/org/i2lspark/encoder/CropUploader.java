package org.i2lspark.encoder;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.stream.IntStream;
import org.i2lspark.image.RgbImage;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;

/**
 * Brings batches of crops onto a device, where all encoders take them from. To a GPU they go through pinned memory that is
 * reused and grows to the largest batch. For use by one thread at a time.
 */
public final class CropUploader implements AutoCloseable {
    private final TorchDevice device;
    private TensorScope stagingScope;
    private Tensor staging;

    public CropUploader(TorchDevice device) {
        this.device = device;
    }

    /**
     * Uploads crops of one size.
     *
     * @return {@code [crops, side, side, 3]} uint8, on the device
     */
    public Tensor upload(TensorScope scope, List<RgbImage> crops) {
        RgbImage first = crops.get(0);
        List<Long> shape =
                List.of((long) crops.size(), (long) first.height(), (long) first.width(), (long) RgbImage.CHANNELS);
        Tensor uploaded = Tensors.empty(scope, shape, ElementType.UINT8, device);
        if (device.isCpu()) {
            put(crops, uploaded.memory());
            return uploaded;
        }
        try (TensorScope views = new TensorScope()) {
            Tensor source = Tensors.view(views, staging(uploaded.size()), 0, shape);
            put(crops, source.memory());
            Tensors.copy(source, uploaded);
        }
        return uploaded;
    }

    private Tensor staging(long bytes) {
        if (staging == null || staging.size() < bytes) {
            close();
            stagingScope = new TensorScope();
            staging = Tensors.emptyStaging(stagingScope, List.of(bytes), ElementType.UINT8, device);
        }
        return staging;
    }

    /** One core copies more slowly than a GPU takes. */
    private static void put(List<RgbImage> crops, ByteBuffer memory) {
        int size = crops.get(0).pixels().length;
        IntStream.range(0, crops.size())
                .parallel()
                .forEach(i -> memory.put(i * size, crops.get(i).pixels()));
    }

    @Override
    public void close() {
        if (stagingScope != null) {
            stagingScope.close();
            stagingScope = null;
            staging = null;
        }
    }
}
