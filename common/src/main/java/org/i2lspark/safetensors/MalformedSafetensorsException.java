package org.i2lspark.safetensors;

import java.io.IOException;

/** A file is not valid safetensors. The message names the file, the tensor where there is one, and the byte offset. */
public final class MalformedSafetensorsException extends IOException {
    private static final long serialVersionUID = 1L;

    private final long byteOffset;

    MalformedSafetensorsException(String file, long byteOffset, String problem) {
        super("Invalid safetensors file %s: %s (at byte %d)".formatted(file, problem, byteOffset));
        this.byteOffset = byteOffset;
    }

    /** Where in the file the problem was found. */
    public long byteOffset() {
        return byteOffset;
    }
}
