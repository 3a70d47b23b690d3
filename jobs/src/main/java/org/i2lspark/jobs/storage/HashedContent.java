package org.i2lspark.jobs.storage;

import java.io.IOException;
import java.io.OutputStream;
import org.i2lspark.jobs.storage.Storage.Stored;

/** Content that counts and hashes itself while it is written. */
final class HashedContent {
    private final Content content;
    private HashingStream latest;
    private boolean complete;

    HashedContent(Content content) {
        this.content = content;
    }

    /** Hands all of it over, in large pieces. */
    void writeTo(OutputStream out) throws IOException {
        complete = false;
        latest = new HashingStream(out);
        content.writeTo(latest);
        latest.flush();
        complete = true;
    }

    /** Whether all of it was handed over; what fails after that is the store. */
    boolean isComplete() {
        return complete;
    }

    /** Of what was handed over. */
    Stored stored(boolean created) {
        return new Stored(latest.bytes(), latest.sha256(), created);
    }
}
