package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.hadoop.fs.FileStatus;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.Setting;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.Storage;

/**
 * Checkpoints of an object store or HDFS, copied once to each node and shared by its executors. A copy that was broken off
 * goes on where it ended. A copy counts when its size is right and its SHA-256 is the one in the file {@value #SUMS} at the
 * top of the model folder, as {@code sha256sum} writes it; where there is none, samples are compared with the original.
 */
final class CheckpointCache {
    private static final String SUMS = "SHA256SUMS";
    private static final int BLOCK_BYTES = 8 << 20;
    private static final int BLOCKS_AT_ONCE = 8;
    private static final int SAMPLES = 64;
    private static final int SAMPLE_BYTES = 4096;
    private static final int MAX_SUMS_BYTES = 16 << 20;
    /** As the safetensors library has it. */
    private static final int MAX_HEADER_BYTES = 100_000_000;

    private static final int COPIES_TRIED = 2;
    private static final Set<String> ENDINGS = Set.of(".safetensors", ".json", ".txt");

    private final Storage storage;
    private final org.apache.hadoop.fs.Path models;
    private final Path folder;

    CheckpointCache(Storage storage, org.apache.hadoop.fs.Path models, Path root) {
        this.storage = storage;
        this.models = models;
        String name = Hashes.sha256(models.toString().getBytes(StandardCharsets.UTF_8));
        this.folder = root.resolve(name.substring(0, 16));
    }

    /**
     * The folder on this node that holds the checkpoints of a run, copied there first if need be.
     *
     * @param folder URI of the model folder
     * @param sources files and folders of it that are needed, folders with a slash behind
     * @throws UnusableException if they cannot be copied
     */
    static Path localFolder(String folder, List<String> sources, Storage storage) throws UnusableException {
        try {
            org.apache.hadoop.fs.Path models = storage.qualify(new org.apache.hadoop.fs.Path(folder));
            if (models.toUri().getScheme().equals("file")) {
                return Path.of(models.toUri().getPath());
            }
            Path root = Path.of(Setting.CHECKPOINT_CACHE.value());
            return new CheckpointCache(storage, models, root).fetch(sources);
        } catch (IOException e) {
            throw new UnusableException(
                    "Cannot copy the checkpoints of %s to this node: %s".formatted(folder, Problems.describe(e)), e);
        }
    }

    /**
     * The checkpoints as far as a plan needs them: a folder of configurations and headers, with holes where the weights are.
     *
     * @param folder URI of the model folder
     * @param sources files and folders of it that are needed, folders with a slash behind
     * @param scratch empty folder for it, used if the checkpoints are not on this machine
     * @throws UnusableException if they cannot be read
     */
    static Path outline(String folder, List<String> sources, Storage storage, Path scratch) throws UnusableException {
        try {
            org.apache.hadoop.fs.Path models = storage.qualify(new org.apache.hadoop.fs.Path(folder));
            if (models.toUri().getScheme().equals("file")) {
                return Path.of(models.toUri().getPath());
            }
            CheckpointCache outline = new CheckpointCache(storage, models, scratch);
            for (Source source : outline.found(sources)) {
                outline.writeOutline(source);
            }
            return outline.folder;
        } catch (IOException e) {
            throw new UnusableException(
                    "Cannot read the checkpoints of %s: %s".formatted(folder, Problems.describe(e)), e);
        }
    }

    private void writeOutline(Source source) throws IOException {
        Files.createDirectories(target(source).getParent());
        long size = source.status.getLen();
        int kept = (int) Math.min(size, source.name.endsWith(".safetensors") ? Long.BYTES : Integer.MAX_VALUE);
        ByteBuffer start = ByteBuffer.wrap(read(source, 0, kept)).order(ByteOrder.LITTLE_ENDIAN);
        if (kept == Long.BYTES && kept < size) {
            long header = start.getLong(0);
            if (header > 0 && header <= MAX_HEADER_BYTES) {
                kept = (int) Math.min(size, Long.BYTES + header);
                start = ByteBuffer.wrap(read(source, 0, kept));
            }
        }
        try (RandomAccessFile file = new RandomAccessFile(target(source).toFile(), "rw")) {
            file.write(start.array());
            file.setLength(size);
        }
    }

    /** A file of the model folder. */
    private record Source(String name, FileStatus status) {
        /** What tells this version of the file from others. */
        String version() {
            return "%d %d".formatted(status.getLen(), status.getModificationTime());
        }
    }

    Path fetch(List<String> wanted) throws IOException {
        List<Source> sources = found(wanted);
        Files.createDirectories(folder);
        try (FileChannel lock =
                FileChannel.open(folder.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            // closing the channel ends it
            lock.lock();
            Map<String, String> sums = null;
            for (Source source : sources) {
                if (!isCurrent(source)) {
                    sums = sums == null ? readSums() : sums;
                    copy(source, sums);
                }
            }
            return folder;
        }
    }

    private List<Source> found(List<String> wanted) throws IOException {
        List<Source> sources = new ArrayList<>();
        for (String source : wanted) {
            org.apache.hadoop.fs.Path path = new org.apache.hadoop.fs.Path(models, source);
            if (source.endsWith("/")) {
                for (FileStatus file : storage.children(path)) {
                    String name = file.getPath().getName();
                    if (file.isFile() && ENDINGS.stream().anyMatch(name::endsWith)) {
                        sources.add(new Source(source + name, file));
                    }
                }
            } else {
                Optional<FileStatus> file = storage.status(path);
                file.ifPresent(status -> sources.add(new Source(source, status)));
            }
            if (sources.stream().noneMatch(found -> found.name.startsWith(source))) {
                throw new IOException(
                        "%s: checkpoint missing; the model folder must mirror the hub's folders, see 'Real checkpoints' in README.md"
                                .formatted(path));
            }
        }
        return sources;
    }

    private Path target(Source source) {
        return folder.resolve(source.name);
    }

    private Path beside(Source source, String ending) {
        Path target = target(source);
        return target.resolveSibling("." + target.getFileName() + ending);
    }

    private boolean isCurrent(Source source) throws IOException {
        return Files.exists(target(source))
                && Files.size(target(source)) == source.status.getLen()
                && textIs(beside(source, ".version"), source.version());
    }

    private static boolean textIs(Path file, String text) throws IOException {
        return Files.exists(file) && Files.readString(file).equals(text);
    }

    private Map<String, String> readSums() throws IOException {
        Map<String, String> sums = new HashMap<>();
        org.apache.hadoop.fs.Path file = new org.apache.hadoop.fs.Path(models, SUMS);
        if (storage.status(file).isEmpty()) {
            return sums;
        }
        String text = new String(storage.readAll(file, MAX_SUMS_BYTES), StandardCharsets.UTF_8);
        for (String line : text.lines().filter(line -> !line.isBlank()).toList()) {
            String[] parts = line.split("\\s+\\*?", 2);
            if (parts.length != 2 || !parts[0].matches("[0-9a-fA-F]{64}")) {
                throw new IOException(
                        "Invalid %s: '%s' (expected lines as sha256sum writes them)".formatted(file, line));
            }
            sums.put(parts[1].replaceFirst("^\\./", ""), parts[0].toLowerCase(java.util.Locale.ROOT));
        }
        return sums;
    }

    private void copy(Source source, Map<String, String> sums) throws IOException {
        Files.createDirectories(target(source).getParent());
        String problem = null;
        for (int attempt = 0; attempt < COPIES_TRIED; attempt++) {
            download(source);
            problem = difference(source, sums);
            if (problem == null) {
                Files.writeString(beside(source, ".version"), source.version());
                Files.move(
                        beside(source, ".part"),
                        target(source),
                        StandardCopyOption.ATOMIC_MOVE,
                        StandardCopyOption.REPLACE_EXISTING);
                return;
            }
            Files.delete(beside(source, ".part"));
        }
        throw new IOException("%s: %s".formatted(source.status.getPath(), problem));
    }

    /** Goes on with what is there of the same version. */
    private void download(Source source) throws IOException {
        Path part = beside(source, ".part");
        Path partVersion = beside(source, ".part-version");
        if (!textIs(partVersion, source.version())) {
            Files.deleteIfExists(part);
            Files.writeString(partVersion, source.version());
        }
        long size = source.status.getLen();
        ExecutorService readers = Executors.newFixedThreadPool(BLOCKS_AT_ONCE);
        try (FileChannel out = FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            // the last block may have been written in part
            long position = Math.min(out.size(), size) / BLOCK_BYTES * BLOCK_BYTES;
            out.truncate(position);
            while (position < size) {
                List<CompletableFuture<byte[]>> blocks = new ArrayList<>();
                for (int i = 0; i < BLOCKS_AT_ONCE && position + (long) i * BLOCK_BYTES < size; i++) {
                    long start = position + (long) i * BLOCK_BYTES;
                    int length = (int) Math.min(BLOCK_BYTES, size - start);
                    blocks.add(CompletableFuture.supplyAsync(() -> read(source, start, length), readers));
                }
                for (CompletableFuture<byte[]> block : blocks) {
                    ByteBuffer bytes = ByteBuffer.wrap(block.join());
                    while (bytes.hasRemaining()) {
                        position += out.write(bytes, position);
                    }
                }
            }
        } catch (CompletionException e) {
            if (e.getCause() instanceof UncheckedIOException unchecked) {
                throw unchecked.getCause();
            }
            throw e;
        } finally {
            readers.shutdownNow();
        }
        Files.delete(partVersion);
    }

    private byte[] read(Source source, long position, int length) {
        byte[] block = new byte[length];
        try {
            storage.readRange(source.status.getPath(), position, block, length);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return block;
    }

    /** What is wrong with a copy; null when nothing is. */
    private String difference(Source source, Map<String, String> sums) throws IOException {
        Path part = beside(source, ".part");
        if (Files.size(part) != source.status.getLen()) {
            return "the copy has %d bytes (expected %d)".formatted(Files.size(part), source.status.getLen());
        }
        String expected = sums.get(source.name);
        if (expected != null) {
            String actual = hash(part);
            return actual.equals(expected)
                    ? null
                    : "the copy has the SHA-256 %s (expected %s, from %s)".formatted(actual, expected, SUMS);
        }
        return sampleDifference(source, part);
    }

    private static String hash(Path file) throws IOException {
        MessageDigest digest = Hashes.sha256();
        try (FileChannel in = FileChannel.open(file)) {
            ByteBuffer buffer = ByteBuffer.allocate(BLOCK_BYTES);
            while (in.read(buffer.clear()) >= 0) {
                digest.update(buffer.flip());
            }
        }
        return Hashes.hex(digest);
    }

    private String sampleDifference(Source source, Path part) throws IOException {
        long size = source.status.getLen();
        Random random = new Random(size);
        try (FileChannel in = FileChannel.open(part)) {
            for (int i = 0; i < SAMPLES && size > 0; i++) {
                long position = (long) (random.nextDouble() * Math.max(1, size - SAMPLE_BYTES));
                int length = (int) Math.min(SAMPLE_BYTES, size - position);
                ByteBuffer copied = ByteBuffer.allocate(length);
                in.read(copied, position);
                if (!Arrays.equals(copied.array(), read(source, position, length))) {
                    return "the copy differs at byte %d".formatted(position);
                }
            }
        }
        return null;
    }
}
