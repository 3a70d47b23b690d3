package org.i2lspark.safetensors;

import java.io.IOException;

/** A checkpoint that can be opened any number of times. */
@FunctionalInterface
public interface TensorSource {
    /** Opens it; the result is to be closed. */
    TensorStore open() throws IOException;
}
