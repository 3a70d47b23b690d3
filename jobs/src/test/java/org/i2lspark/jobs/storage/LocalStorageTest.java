package org.i2lspark.jobs.storage;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.io.TempDir;

class LocalStorageTest extends StorageContract {
    @TempDir
    private java.nio.file.Path folder;

    private final Storage storage = new Storage(new Configuration());

    @Override
    Storage storage() {
        return storage;
    }

    @Override
    Path folder() {
        return new Path(folder.toUri());
    }
}
