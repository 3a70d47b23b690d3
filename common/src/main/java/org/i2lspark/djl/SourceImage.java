package org.i2lspark.djl;

import ai.djl.modality.Input;
import ai.djl.modality.cv.Image;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.List;
import org.i2lspark.image.RgbImage;

/** An image as a caller gives it. */
sealed interface SourceImage {
    /** An image file, of any format that the stack's own decoder reads. */
    record File(byte[] bytes) implements SourceImage {}

    /** An image that the caller has decoded. */
    record Decoded(Image image) implements SourceImage {
        /** Its pixels, whatever library holds them. */
        RgbImage pixels(NDManager manager) {
            try (NDManager temporary = manager.newSubManager()) {
                NDArray array = image.toNDArray(temporary, Image.Flag.COLOR);
                Shape shape = array.getShape();
                if (shape.dimension() != 3 || shape.get(2) != RgbImage.CHANNELS) {
                    throw new IllegalArgumentException(
                            "Invalid image: an array of %s (expected height, width and 3 channels)".formatted(shape));
                }
                return new RgbImage(
                        Math.toIntExact(shape.get(1)),
                        Math.toIntExact(shape.get(0)),
                        array.toType(DataType.UINT8, false).toByteArray());
            }
        }
    }

    static List<SourceImage> ofFile(byte[] bytes) {
        return List.of(new File(bytes));
    }

    static List<SourceImage> ofFiles(byte[][] files) {
        return Arrays.stream(files).<SourceImage>map(File::new).toList();
    }

    static List<SourceImage> ofImage(Image image) {
        return List.of(new Decoded(image));
    }

    static List<SourceImage> ofRequest(Input request) {
        return ofFile(request.getData().getAsBytes());
    }
}
