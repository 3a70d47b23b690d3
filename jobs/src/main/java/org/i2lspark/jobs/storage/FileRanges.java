package org.i2lspark.jobs.storage;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import org.i2lspark.jobs.storage.Retries.LastingException;

/** Ranges of an open file that holds images, as its own tables of contents name them. */
final class FileRanges {
    private final SeekableByteChannel channel;

    FileRanges(SeekableByteChannel channel) {
        this.channel = channel;
    }

    long size() throws IOException {
        return channel.size();
    }

    /** @throws LastingException if the file does not reach so far */
    byte[] read(long position, long length) throws IOException {
        if (position < 0 || length < 0 || position > size() - length || length > Integer.MAX_VALUE - 8) {
            throw damaged(position, "%d bytes are said to be there, of %d in all".formatted(length, size()));
        }
        ByteBuffer buffer = ByteBuffer.allocate((int) length);
        channel.position(position);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer) < 0) {
                throw new EOFException("it ended at byte " + channel.position());
            }
        }
        return buffer.array();
    }

    static LastingException damaged(long position, Exception cause) {
        LastingException damaged =
                damaged(position, cause.getMessage() == null ? cause.toString() : cause.getMessage());
        damaged.initCause(cause);
        return damaged;
    }

    static LastingException damaged(long position, String reason) {
        return new LastingException(
                "Cannot read image: the file that holds it is damaged at byte %d: %s".formatted(position, reason));
    }
}
