package org.i2lspark.jobs.storage;

import java.io.IOException;
import java.io.OutputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import org.i2lspark.jobs.storage.Storage.Stored;

/** Content that counts and hashes itself while it is written. */
final class HashedContent implements Content {
    private final Content content;
    private MessageDigest digest;
    private long bytes;
    private boolean complete;

    HashedContent(Content content) {
        this.content = content;
    }

    @Override
    public void writeTo(OutputStream out) throws IOException {
        digest = Hashes.sha256();
        bytes = 0;
        complete = false;
        OutputStream hashing = new DigestOutputStream(out, digest) {
            @Override
            public void write(byte[] buffer, int offset, int length) throws IOException {
                super.write(buffer, offset, length);
                bytes += length;
            }

            @Override
            public void write(int value) throws IOException {
                super.write(value);
                bytes++;
            }
        };
        content.writeTo(hashing);
        hashing.flush();
        complete = true;
    }

    /** Whether all of it was handed over; what fails after that is the store. */
    boolean isComplete() {
        return complete;
    }

    /** Of what was handed over. */
    Stored stored(boolean created) {
        return new Stored(bytes, Hashes.hex(Hashes.copy(digest)), created);
    }
}
