package org.i2lspark.safetensors;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;

/** Named tensors that can be read one by one: a single safetensors file, or a sharded checkpoint. */
public interface TensorStore extends Closeable {
    /** The tensors by name, in name order. */
    Map<String, TensorInfo> tensors();

    /** Where the tensors come from, for messages. */
    String location();

    /**
     * Fills {@code destination} with bytes of a tensor, beginning {@code offset} bytes into it. Reading into a direct
     * buffer copies the bytes once.
     *
     * @throws IllegalArgumentException if there is no such tensor or the range reaches beyond it
     */
    void read(String tensor, long offset, ByteBuffer destination) throws IOException;
}
