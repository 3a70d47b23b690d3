package org.i2lspark.jobs.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.storage.Retries.LastingException;
import org.i2lspark.jobs.storage.Storage.Stored;
import org.junit.jupiter.api.Test;

/** What holds on every store. */
abstract class StorageContract {
    abstract Storage storage();

    abstract Path folder();

    private Path scratch() {
        return new Path(folder(), "scratch");
    }

    private static byte[] bytes(int size, int seed) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) (i * 31 + seed);
        }
        return bytes;
    }

    @Test
    void whatIsWrittenIsRead() throws IOException {
        // one part of an upload, and several
        for (int size : new int[] {0, 1, 100_000, 12_000_000}) {
            byte[] content = bytes(size, size);
            Path file = new Path(folder(), "a/b c/\u6d6e" + size + ".bin");
            Stored stored = storage().createOnce(file, scratch(), out -> out.write(content));
            assertThat(stored).isEqualTo(new Stored(size, Hashes.sha256(content), true));
            assertThat(storage().readAll(file, size)).isEqualTo(content);
            assertThat(storage().hash(file)).isEqualTo(new Stored(size, Hashes.sha256(content), false));
            assertThat(storage().status(file)).map(FileStatus::getLen).contains((long) size);
        }
        byte[] range = new byte[10];
        storage().readRange(new Path(folder(), "a/b c/\u6d6e100000.bin"), 5000, range, 10);
        assertThat(range).isEqualTo(Arrays.copyOfRange(bytes(100_000, 100_000), 5000, 5010));
    }

    @Test
    void bytesAndBuffersAreWrittenInTheirOrder() throws IOException {
        byte[] content = bytes(3_000_000, 1);
        ByteBuffer direct =
                ByteBuffer.allocateDirect(content.length).put(content).flip();
        Path file = new Path(folder(), "pieces.bin");
        Stored stored = storage().createOnce(file, scratch(), out -> {
            int position = 0;
            for (int size = 1; position < content.length; size = size * 3 + 1) {
                out.write(content[position]);
                int end = Math.min(content.length, position + 1 + size);
                ByteBuffer piece = direct.slice(position + 1, end - position - 1);
                assertThat(out.write(piece)).isEqualTo(piece.limit());
                position = end;
            }
        });
        assertThat(stored).isEqualTo(new Stored(content.length, Hashes.sha256(content), true));
        assertThat(storage().readAll(file, content.length)).isEqualTo(content);
    }

    @Test
    void aFileIsMadeOnce() throws IOException {
        Path file = new Path(folder(), "once.bin");
        storage().createOnce(file, scratch(), out -> out.write(bytes(100, 1)));
        Stored other = storage().createOnce(file, scratch(), out -> out.write(bytes(7_000_000, 2)));
        assertThat(other).isEqualTo(new Stored(100, Hashes.sha256(bytes(100, 1)), false));
        Stored same = storage().createOnce(file, scratch(), out -> out.write(bytes(100, 1)));
        assertThat(same.created()).isTrue();
        assertThat(storage().readAll(file, 100)).isEqualTo(bytes(100, 1));
    }

    @Test
    void ofManyAtOnceOneMakesTheFile() throws Exception {
        Path file = new Path(folder(), "race.bin");
        ExecutorService threads = Executors.newFixedThreadPool(8);
        List<Callable<Stored>> writers = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            int seed = i;
            writers.add(() -> storage().createOnce(file, scratch(), out -> out.write(bytes(200_000, seed))));
        }
        List<Stored> all = new ArrayList<>();
        for (Future<Stored> writer : threads.invokeAll(writers)) {
            all.add(writer.get());
        }
        threads.shutdownNow();
        assertThat(all).filteredOn(Stored::created).hasSize(1);
        assertThat(all)
                .extracting(Stored::sha256)
                .containsOnly(storage().hash(file).sha256());
    }

    @Test
    void whatFailsHalfwayLeavesNothing() throws IOException {
        Path file = new Path(folder(), "half.bin");
        for (RuntimeException problem : List.of(new IllegalStateException("broken"))) {
            assertThatThrownBy(() -> storage().createOnce(file, scratch(), out -> {
                        out.write(bytes(12_000_000, 3));
                        throw problem;
                    }))
                    .hasMessage("broken");
        }
        assertThatThrownBy(() -> storage().createOnce(file, scratch(), out -> {
                    out.write(bytes(1000, 3));
                    throw new LastingException("No space left on device");
                }))
                .hasMessage("No space left on device");
        assertThat(storage().status(file)).isEmpty();
        assertThat(storage().files(folder())).isEmpty();
    }

    @Test
    void passingProblemsAreTriedAgain() throws IOException {
        Path file = new Path(folder(), "again.bin");
        int[] calls = {0};
        Stored stored = storage().createOnce(file, scratch(), out -> {
            out.write(bytes(1000, 4));
            if (calls[0]++ < 2) {
                throw new IOException("connection reset");
            }
        });
        assertThat(calls[0]).isEqualTo(3);
        assertThat(stored.bytes()).isEqualTo(1000);
        assertThat(storage().hash(file).sha256()).isEqualTo(Hashes.sha256(bytes(1000, 4)));
    }

    @Test
    void replacesSmallFiles() throws IOException {
        Path file = new Path(folder(), "x/y.json");
        storage().replace(file, scratch(), bytes(10, 1));
        storage().replace(file, scratch(), bytes(20, 2));
        assertThat(storage().readAll(file, 20)).isEqualTo(bytes(20, 2));
        assertThatThrownBy(() -> storage().readAll(file, 19)).hasMessage("it has more than 19 bytes");
        storage().delete(new Path(folder(), "x"));
        assertThat(storage().files(new Path(folder(), "x"))).isEmpty();
        assertThat(storage().children(new Path(folder(), "x"))).isEmpty();
    }

    @Test
    void renamesOverWhatIsThere() throws IOException {
        Path from = new Path(folder(), "from/a.bin");
        Path to = new Path(folder(), "to/a.bin");
        storage().replace(from, scratch(), bytes(10, 1));
        storage().replace(to, scratch(), bytes(10, 2));
        storage().rename(from, to);
        assertThat(storage().readAll(to, 10)).isEqualTo(bytes(10, 1));
        assertThatThrownBy(() -> storage().rename(from, to)).isInstanceOf(IOException.class);
        assertThat(storage().readAll(to, 10)).isEqualTo(bytes(10, 1));
        assertThat(storage().files(folder())).hasSize(1);
    }

    @Test
    void replacesLargeFilesWholeOrNotAtAll() throws IOException {
        Path file = new Path(folder(), "large.bin");
        storage().createOnce(file, scratch(), out -> out.write(bytes(1000, 1)));
        byte[] better = bytes(12_000_000, 2);
        assertThat(storage().replace(file, scratch(), out -> out.write(better)))
                .isEqualTo(new Stored(better.length, Hashes.sha256(better), true));
        assertThat(storage().hash(file).sha256()).isEqualTo(Hashes.sha256(better));
        assertThatThrownBy(() -> storage().replace(file, scratch(), out -> {
                    out.write(bytes(11_000_000, 3));
                    throw new IllegalStateException("broken");
                }))
                .hasMessage("broken");
        assertThat(storage().hash(file).sha256()).isEqualTo(Hashes.sha256(better));
        assertThat(storage().files(folder())).hasSize(1);
    }

    @Test
    void deletesManyFilesAndMindsNoneThatIsGone() throws IOException {
        List<Path> files = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            Path file = new Path(folder(), "many/%d/a b+\u6d6e.bin".formatted(i));
            storage().replace(file, scratch(), bytes(1, i));
            files.add(file);
        }
        Path kept = files.remove(5);
        files.add(new Path(folder(), "many/gone.bin"));
        assertThat(storage().deleteAll(files)).isEmpty();
        assertThat(storage().deleteAll(files)).isEmpty();
        assertThat(storage().deleteAll(List.of())).isEmpty();
        assertThat(storage().files(folder())).extracting(FileStatus::getPath).containsExactly(kept);
    }

    @Test
    void deletesAFolderOnlyIfNothingIsInIt() throws IOException {
        Path file = new Path(folder(), "full/a/b.bin");
        storage().replace(file, scratch(), bytes(1, 1));
        storage().deleteIfEmpty(new Path(folder(), "full"));
        storage().deleteIfEmpty(new Path(folder(), "none"));
        assertThat(storage().status(file)).isPresent();
        storage().delete(file);
        storage().deleteIfEmpty(new Path(folder(), "full/a"));
        assertThat(storage().status(new Path(folder(), "full/a"))).isEmpty();
    }

    @Test
    void listsAFolderFileByFile() throws IOException {
        for (int i = 0; i < 5; i++) {
            storage().replace(new Path(folder(), "flat/%d.bin".formatted(i)), scratch(), bytes(i + 1, i));
        }
        storage().replace(new Path(folder(), "flat/below/x.bin"), scratch(), bytes(1, 1));
        List<String> found = new ArrayList<>();
        storage()
                .list(new Path(folder(), "flat"))
                .forEachRemaining(
                        file -> found.add(file.getPath().getName() + " " + file.getLen() * (file.isFile() ? 1 : 0)));
        assertThat(found).containsExactlyInAnyOrder("0.bin 1", "1.bin 2", "2.bin 3", "3.bin 4", "4.bin 5", "below 0");
        assertThat(storage().list(new Path(folder(), "none"))).isExhausted();
        assertThat(storage().walk(new Path(folder(), "flat")))
                .toIterable()
                .extracting(file -> file.getPath().getName())
                .containsExactlyInAnyOrder("0.bin", "1.bin", "2.bin", "3.bin", "4.bin", "x.bin");
        assertThat(storage().walk(new Path(folder(), "none"))).isExhausted();
    }

    @Test
    void aFileIsSetOnlyOverWhatWasRead() throws IOException {
        Path file = new Path(folder(), "state/alias.json");
        assertThat(storage().compareAndSet(file, scratch(), bytes(3, 9), bytes(10, 1)))
                .isFalse();
        assertThat(storage().status(file)).isEmpty();
        assertThat(storage().compareAndSet(file, scratch(), null, bytes(10, 1))).isTrue();
        assertThat(storage().compareAndSet(file, scratch(), null, bytes(10, 2))).isFalse();
        assertThat(storage().compareAndSet(file, scratch(), bytes(10, 2), bytes(20, 3)))
                .isFalse();
        assertThat(storage().readAll(file, 20)).isEqualTo(bytes(10, 1));
        assertThat(storage().compareAndSet(file, scratch(), bytes(10, 1), bytes(20, 3)))
                .isTrue();
        assertThat(storage().readAll(file, 20)).isEqualTo(bytes(20, 3));
        assertThat(storage().files(folder())).hasSize(1);
    }

    @Test
    void ofManyThatSetWhatTheyReadNoneIsLost() throws Exception {
        Path file = new Path(folder(), "counter");
        storage().compareAndSet(file, scratch(), null, new byte[0]);
        ExecutorService threads = Executors.newFixedThreadPool(4);
        List<Callable<Boolean>> writers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            byte mine = (byte) i;
            writers.add(() -> {
                while (true) {
                    byte[] read = storage().readAll(file, 100);
                    byte[] more = Arrays.copyOf(read, read.length + 1);
                    more[read.length] = mine;
                    if (storage().compareAndSet(file, scratch(), read, more)) {
                        return true;
                    }
                }
            });
        }
        for (Future<Boolean> writer : threads.invokeAll(writers)) {
            assertThat(writer.get()).isTrue();
        }
        threads.shutdownNow();
        byte[] all = storage().readAll(file, 100);
        Arrays.sort(all);
        assertThat(all).containsExactly(0, 1, 2, 3);
    }

    @Test
    void aCopyTakesThePlaceOfWhatWasThere() throws IOException {
        Path from = new Path(folder(), "loras/a b+\u6d6e.bin");
        Path to = new Path(folder(), "published/a.bin");
        storage().replace(from, scratch(), bytes(6_000_000, 1));
        storage().copy(from, to);
        storage().copy(from, to);
        assertThat(storage().readAll(to, 6_000_000)).isEqualTo(bytes(6_000_000, 1));
        storage().replace(from, scratch(), bytes(10, 2));
        assertThat(storage().readAll(to, 6_000_000)).isEqualTo(bytes(6_000_000, 1));
        storage().copy(from, to);
        assertThat(storage().readAll(to, 10)).isEqualTo(bytes(10, 2));
        assertThatThrownBy(() -> storage().copy(new Path(folder(), "none"), to)).isInstanceOf(IOException.class);
        assertThat(storage().readAll(to, 10)).isEqualTo(bytes(10, 2));
        assertThat(storage().files(folder())).hasSize(2);
    }
}
