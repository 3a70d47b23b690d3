package org.i2lspark.image;

import java.io.IOException;

/** Images cannot be decoded here, whatever they are: a fault of the environment. The message says what to change. */
public final class DecoderUnavailableException extends IOException {
    private static final long serialVersionUID = 1L;

    /** What is, or may be, missing. */
    public enum Lack {
        /** A decoder process cannot do its work: its memory may be too little, or more than the machine has. */
        PROCESS,
        /** Memory of the process that asks. */
        MEMORY,
        /** The reader of a format. */
        READER
    }

    private final Lack lack;

    public DecoderUnavailableException(Lack lack, String message, Throwable cause) {
        super(message, cause);
        this.lack = lack;
    }

    public Lack lack() {
        return lack;
    }
}
