package org.i2lspark.jobs.faults;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;

/** Local files on a disk that has room for so many bytes only, with the error of the system's own full disk. */
public final class FullDiskFileSystem extends LocalFileSystem {
    public static final AtomicLong ROOM = new AtomicLong(Long.MAX_VALUE);

    private static final FSDataOutputStream FULL = full();

    private static FSDataOutputStream full() {
        try {
            RawLocalFileSystem local = new RawLocalFileSystem();
            local.initialize(URI.create("file:///"), new Configuration());
            return local.append(new Path("/dev/full"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public FullDiskFileSystem() {
        super(new Raw());
    }

    private static final class Raw extends RawLocalFileSystem {
        @Override
        public FSDataOutputStream append(Path file, int bufferSize, Progressable progress) throws IOException {
            return limited(super.append(file, bufferSize, progress));
        }

        @Override
        public FSDataOutputStream create(
                Path file, boolean overwrite, int bufferSize, short replication, long blockSize, Progressable progress)
                throws IOException {
            return limited(super.create(file, overwrite, bufferSize, replication, blockSize, progress));
        }

        @Override
        public FSDataOutputStream create(
                Path file,
                FsPermission permission,
                boolean overwrite,
                int bufferSize,
                short replication,
                long blockSize,
                Progressable progress)
                throws IOException {
            return limited(super.create(file, permission, overwrite, bufferSize, replication, blockSize, progress));
        }

        private static FSDataOutputStream limited(OutputStream out) throws IOException {
            return new FSDataOutputStream(
                    new FilterOutputStream(out) {
                        @Override
                        public void write(int value) throws IOException {
                            take(1);
                            out.write(value);
                        }

                        @Override
                        public void write(byte[] bytes, int offset, int length) throws IOException {
                            take(length);
                            out.write(bytes, offset, length);
                        }

                        private void take(int length) throws IOException {
                            if (ROOM.addAndGet(-length) < 0) {
                                FULL.write(1);
                                FULL.flush();
                            }
                        }
                    },
                    null);
        }
    }
}
