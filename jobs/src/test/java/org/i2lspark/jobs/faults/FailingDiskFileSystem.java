package org.i2lspark.jobs.faults;

import java.io.IOException;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;

/** Local files, of which those with {@value #BROKEN} in their names cannot be read: each attempt ends with the system's EIO. */
public final class FailingDiskFileSystem extends LocalFileSystem {
    public static final String BROKEN = "on-bad-sectors";

    /** Its first page is never there. */
    private static final Path UNREADABLE = new Path("/proc/self/mem");

    public FailingDiskFileSystem() {
        super(new Raw());
    }

    private static final class Raw extends RawLocalFileSystem {
        @Override
        public FSDataInputStream open(Path file, int bufferSize) throws IOException {
            return super.open(file.getName().contains(BROKEN) ? UNREADABLE : file, bufferSize);
        }
    }
}
