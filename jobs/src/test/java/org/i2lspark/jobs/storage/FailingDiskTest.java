package org.i2lspark.jobs.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.faults.FailingDiskFileSystem;
import org.i2lspark.jobs.faults.FullDiskFileSystem;
import org.i2lspark.jobs.storage.Storage.Stored;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Hadoop throws errors, not exceptions, when a local disk fails; whoever uses a storage sees exceptions. */
class FailingDiskTest {
    @TempDir
    private java.nio.file.Path directory;

    private Path folder;

    @BeforeEach
    void choose() {
        folder = new Path(directory.toUri());
    }

    @AfterEach
    void makeRoom() {
        FullDiskFileSystem.ROOM.set(Long.MAX_VALUE);
    }

    private static Storage storage(Class<? extends FileSystem> type) {
        Configuration configuration = new Configuration();
        configuration.setClass("fs.file.impl", type, FileSystem.class);
        configuration.setBoolean("fs.file.impl.disable.cache", true);
        return new Storage(configuration);
    }

    @Test
    void whatCannotBeReadIsAnException() throws IOException {
        Path file = new Path(folder, FailingDiskFileSystem.BROKEN + ".bin");
        storage(LocalFileSystem.class).replace(file, folder, new byte[100]);
        Storage storage = storage(FailingDiskFileSystem.class);
        String reason = "Input/output error";
        assertThatThrownBy(() -> storage.readAll(file, 1000))
                .isInstanceOf(IOException.class)
                .hasMessage(reason);
        assertThatThrownBy(() -> storage.readRange(file, 0, new byte[10], 10))
                .isInstanceOf(IOException.class)
                .hasMessage(reason);
        assertThatThrownBy(() -> storage.hash(file))
                .isInstanceOf(IOException.class)
                .hasMessage(reason);
        try (SeekableByteChannel channel = storage.open(file)) {
            assertThatThrownBy(() -> channel.read(ByteBuffer.allocate(10)))
                    .isInstanceOf(IOException.class)
                    .hasMessage(reason);
        }
    }

    @Test
    void aFullDiskIsAnExceptionAndKeepsWhatWasThere() throws IOException {
        Storage storage = storage(FullDiskFileSystem.class);
        Path old = new Path(folder, "old.bin");
        Stored kept = storage.createOnce(old, folder, out -> out.write(new byte[1000]));
        FullDiskFileSystem.ROOM.set(3_000_000);
        int[] writes = {0};
        for (String name : new String[] {"new.bin", "old.bin"}) {
            assertThatThrownBy(() -> storage.replace(new Path(folder, name), folder, out -> {
                        writes[0]++;
                        out.write(new byte[5_000_000]);
                    }))
                    .isInstanceOf(IOException.class)
                    .hasMessage("No space left on device");
        }
        assertThatThrownBy(() ->
                        storage.createOnce(new Path(folder, "new.bin"), folder, out -> out.write(new byte[5_000_000])))
                .isInstanceOf(IOException.class)
                .hasMessage("No space left on device");
        // it would be full again at once
        assertThat(writes[0]).isEqualTo(2);
        assertThat(storage.files(folder)).hasSize(1);
        assertThat(storage.hash(old).sha256()).isEqualTo(kept.sha256());
        assertThatThrownBy(() -> storage.probe(folder, "output"))
                .isInstanceOf(UnusableException.class)
                .hasMessageStartingWith("Cannot write to output ")
                .hasMessageEndingWith(": No space left on device");
    }
}
