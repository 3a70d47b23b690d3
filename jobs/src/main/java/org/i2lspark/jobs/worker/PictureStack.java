package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.util.List;
import org.i2lspark.ImageRequest;
import org.i2lspark.TextToImage.StepListener;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.options.PictureSettings;

/** What makes pictures, on one device. */
public interface PictureStack extends AutoCloseable {
    /** Loads the weights, if that has not been done. */
    void load() throws IOException;

    /**
     * Makes all of some pictures, or none, loading the weights first if need be.
     *
     * @param listener is told of each step
     * @throws IOException if a LoRA cannot be read or is for other layers than the model has, or the weights cannot be loaded
     */
    List<RgbImage> make(List<ImageRequest> pictures, PictureSettings settings, StepListener listener)
            throws IOException;

    @Override
    void close();
}
