package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.lora.LoraFile;

/** LoRAs in a store: files, and the folders that PEFT and diffusers write. */
public final class StoredLoras {
    private StoredLoras() {}

    /**
     * Opens a LoRA.
     *
     * @param location names it in messages
     * @throws UnusableException if there is none
     * @throws IOException if it is none that can be read
     */
    public static LoraFile open(Storage storage, Path path, String location) throws IOException {
        return status(storage, path, location).isDirectory()
                ? LoraFile.openFolder(location, name -> openIfThere(storage, new Path(path, name)))
                : LoraFile.open(
                        location,
                        path.getName(),
                        name -> openIfThere(
                                storage, name.equals(path.getName()) ? path : new Path(path.getParent(), name)));
    }

    /** The SHA-256 of a LoRA's file, in hex; of a folder, of the names and hashes of its files. */
    public static String sha256(Storage storage, Path path, String location) throws IOException {
        if (!status(storage, path, location).isDirectory()) {
            return storage.hash(path).sha256();
        }
        MessageDigest digest = Hashes.sha256();
        List<FileStatus> files = storage.children(path).stream()
                .filter(FileStatus::isFile)
                .sorted(Comparator.comparing(file -> file.getPath().getName()))
                .toList();
        for (FileStatus file : files) {
            String line = "%s  %s\n"
                    .formatted(
                            storage.hash(file.getPath()).sha256(),
                            file.getPath().getName());
            digest.update(line.getBytes(StandardCharsets.UTF_8));
        }
        return Hashes.hex(digest);
    }

    private static FileStatus status(Storage storage, Path path, String location) throws IOException {
        return storage.status(path)
                .orElseThrow(() ->
                        new UnusableException("Cannot open %s: there is no such file or folder".formatted(location)));
    }

    private static Optional<SeekableByteChannel> openIfThere(Storage storage, Path file) throws IOException {
        return storage.status(file).isPresent() ? Optional.of(storage.open(file)) : Optional.empty();
    }
}
