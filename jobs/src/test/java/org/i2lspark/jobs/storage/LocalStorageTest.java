package org.i2lspark.jobs.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.junit.jupiter.api.Test;
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

    /** Hadoop sets permissions by a process of its own for each file. */
    public static final class PermissionsFileSystem extends LocalFileSystem {
        public PermissionsFileSystem() {
            super(new RawLocalFileSystem() {
                @Override
                public void setPermission(Path path, FsPermission permission) {
                    throw new AssertionError("permissions of " + path);
                }
            });
        }
    }

    @Test
    void aFileHasThePermissionsOfTheUmaskAndNoProcessSetsThem() throws IOException {
        Configuration configuration = new Configuration();
        configuration.setClass("fs.file.impl", PermissionsFileSystem.class, FileSystem.class);
        configuration.setBoolean("fs.file.impl.disable.cache", true);
        Storage own = new Storage(configuration);
        own.createOnce(new Path(folder(), "new/once.bin"), folder(), out -> out.write(1));
        own.replace(new Path(folder(), "new/replaced.bin"), folder(), new byte[1]);
        Set<PosixFilePermission> usual = Files.getPosixFilePermissions(Files.createFile(folder.resolve("usual")));
        assertThat(Files.getPosixFilePermissions(folder.resolve("new/once.bin")))
                .isEqualTo(usual);
        assertThat(Files.getPosixFilePermissions(folder.resolve("new/replaced.bin")))
                .isEqualTo(usual);
    }
}
