package org.i2lspark.jobs.storage;

import java.io.IOException;
import org.apache.hadoop.fs.Options.Rename;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.hdfs.DistributedFileSystem;

/** HDFS: it renames over a file in one step where it is told to. */
final class HdfsStore extends RenamingStore {
    private final DistributedFileSystem hdfs;

    HdfsStore(DistributedFileSystem fileSystem) {
        super(fileSystem);
        this.hdfs = fileSystem;
    }

    @Override
    void rename(Path from, Path to) throws IOException {
        makeFolder(to.getParent());
        hdfs.rename(from, to, Rename.OVERWRITE);
    }
}
