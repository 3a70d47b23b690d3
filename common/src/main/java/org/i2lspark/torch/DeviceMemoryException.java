package org.i2lspark.torch;

import java.io.Serial;

/** The memory of the device does not hold even the smallest piece of the work. */
public final class DeviceMemoryException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    public DeviceMemoryException(String message, Throwable cause) {
        super(message, cause);
    }
}
