package org.i2lspark.image;

import java.io.IOException;

/** Images cannot be decoded here, whatever they are: a fault of the environment. The message says what to set. */
public final class DecoderUnavailableException extends IOException {
    private static final long serialVersionUID = 1L;

    public DecoderUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }
}
