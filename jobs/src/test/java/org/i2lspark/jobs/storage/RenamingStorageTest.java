package org.i2lspark.jobs.storage;

import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FilterFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.junit.jupiter.api.io.TempDir;

/** A store that renames over nothing, as HDFS. */
class RenamingStorageTest extends StorageContract {
    @TempDir
    private java.nio.file.Path folder;

    private final Storage storage = new Storage(configuration());

    private static Configuration configuration() {
        Configuration configuration = new Configuration();
        configuration.setClass("fs.file.impl", RenamingFileSystem.class, FilterFileSystem.class);
        configuration.setBoolean("fs.file.impl.disable.cache", true);
        return configuration;
    }

    /** Local files with HDFS's rules for names. */
    public static final class RenamingFileSystem extends FilterFileSystem {
        public RenamingFileSystem() {
            super(new RawLocalFileSystem());
        }

        /** One at a time, as HDFS's name node does it. */
        @Override
        public boolean rename(Path from, Path to) throws IOException {
            synchronized (RenamingFileSystem.class) {
                return !fs.exists(to) && fs.rename(from, to);
            }
        }
    }

    @Override
    Storage storage() {
        return storage;
    }

    @Override
    Path folder() {
        return new Path(folder.toUri());
    }
}
