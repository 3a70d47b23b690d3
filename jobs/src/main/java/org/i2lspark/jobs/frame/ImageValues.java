package org.i2lspark.jobs.frame;

import java.util.ArrayList;
import java.util.List;
import org.i2lspark.jobs.worker.StyleImage;
import scala.collection.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** Images as the values of a column: bytes of a file, its URI, or null; in SQL also an array of them. */
final class ImageValues {
    private ImageValues() {}

    static List<StyleImage> of(Object value) {
        if (!(value instanceof Seq<?> several)) {
            return List.of(image(value, "image"));
        }
        List<StyleImage> images = new ArrayList<>();
        for (Object one : CollectionConverters.asJava(several)) {
            images.add(image(one, images.size()));
        }
        return images;
    }

    /** One of several of a style. */
    static StyleImage image(Object value, int position) {
        return image(value, "image " + (position + 1));
    }

    private static StyleImage image(Object value, String name) {
        if (value == null) {
            return new StyleImage.None(name);
        }
        if (value instanceof byte[] bytes) {
            return new StyleImage.Held(name, bytes);
        }
        if (value instanceof String uri) {
            return new StyleImage.At(uri);
        }
        throw new IllegalArgumentException("Cannot take a %s for an image (expected binary, or a string)"
                .formatted(value.getClass().getSimpleName()));
    }
}
