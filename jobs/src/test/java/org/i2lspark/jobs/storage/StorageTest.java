package org.i2lspark.jobs.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StorageTest {
    @TempDir
    private java.nio.file.Path folder;

    private final Storage storage = new Storage(new Configuration());

    @Test
    void deletesWhatDeadRunsLeftBehind() throws IOException {
        java.nio.file.Path old = Files.createDirectories(folder.resolve("old"));
        java.nio.file.Path recent = Files.createDirectories(folder.resolve("recent"));
        Files.createFile(old.resolve("file"));
        Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofHours(2))));
        storage.deleteStaleFolders(new Path(folder.toUri()), Duration.ofHours(1));
        assertThat(old).doesNotExist();
        assertThat(recent).exists();
    }

    @Test
    void aFileAppearsCompleteOrNotAtAll() throws IOException {
        Path target = new Path(folder.resolve("a/b.bin").toUri());
        Path inflight = new Path(folder.resolve("_inflight").toUri());
        assertThatThrownBy(() -> storage.write(target, inflight, out -> {
                    out.write(new byte[3_000_000]);
                    assertThat(folder.resolve("a/b.bin")).doesNotExist();
                    throw new IOException("disk full");
                }))
                .hasMessage("disk full");
        assertThat(folder.resolve("a/b.bin")).doesNotExist();
        try (Stream<java.nio.file.Path> left = Files.list(folder.resolve("_inflight"))) {
            assertThat(left).isEmpty();
        }
        storage.write(target, inflight, out -> out.write(1));
        storage.write(target, inflight, out -> out.write(new byte[] {2, 3}));
        assertThat(storage.readAll(target)).containsExactly(2, 3);
        assertThat(storage.size(target)).hasValue(2);
        assertThat(storage.size(new Path(target.getParent(), "none"))).isEmpty();
    }
}
