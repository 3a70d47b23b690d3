package org.i2lspark.jobs.storage;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.security.MessageDigest;

/**
 * Takes a file's content, as bytes or from buffers wherever they lie, and hands it on in large pieces. Each is hashed first:
 * Java hashes fast only what lies in an array, and what was hashed just now is in the processor's cache when it is written.
 */
public final class HashingStream extends OutputStream implements WritableByteChannel {
    private static final int PIECE_BYTES = 128 << 10;

    private final OutputStream out;
    private final MessageDigest digest = Hashes.sha256();
    private final byte[] piece = new byte[PIECE_BYTES];
    private int filled;
    private long bytes;

    HashingStream(OutputStream out) {
        this.out = out;
    }

    @Override
    public void write(int value) throws IOException {
        write(new byte[] {(byte) value});
    }

    @Override
    public void write(byte[] source, int offset, int length) throws IOException {
        write(ByteBuffer.wrap(source, offset, length));
    }

    /** {@inheritDoc} All of it is taken. */
    @Override
    public int write(ByteBuffer source) throws IOException {
        int length = source.remaining();
        while (source.hasRemaining()) {
            int taken = Math.min(source.remaining(), piece.length - filled);
            source.get(piece, filled, taken);
            filled += taken;
            if (filled == piece.length) {
                handOn();
            }
        }
        return length;
    }

    private void handOn() throws IOException {
        digest.update(piece, 0, filled);
        out.write(piece, 0, filled);
        bytes += filled;
        filled = 0;
    }

    @Override
    public void flush() throws IOException {
        handOn();
        out.flush();
    }

    @Override
    public boolean isOpen() {
        return true;
    }

    /** Does not close what it hands on to. */
    @Override
    public void close() throws IOException {
        flush();
    }

    /** What was handed on. */
    long bytes() {
        return bytes;
    }

    /** Of what was handed on, in hex. */
    String sha256() {
        return Hashes.hex(Hashes.copy(digest));
    }
}
