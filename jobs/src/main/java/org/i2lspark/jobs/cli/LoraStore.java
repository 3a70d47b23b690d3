package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.storage.Content;
import org.i2lspark.jobs.storage.Secrets;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.StoredLoras;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.lora.LoraSource;
import org.i2lspark.lora.LoraWriter;
import org.i2lspark.lora.PeftConfig;
import org.i2lspark.torch.ElementType;

/** LoRA files where a user names them: by a local path, or by the URI of a store. */
final class LoraStore {
    private static final Pattern URI = Pattern.compile("[a-zA-Z][a-zA-Z0-9+.-]+:/.*");

    private final Storage storage;

    LoraStore(Storage storage) {
        this.storage = storage;
    }

    /** Opens a LoRA file, or the folder that PEFT or diffusers has written. */
    LoraFile open(String location) throws IOException {
        Path path = path(location);
        storage.requireReachable(path, "LoRA");
        return StoredLoras.open(storage, path, location);
    }

    /**
     * Checks that a LoRA can be written, before work on it begins.
     *
     * @param overwrite whether what is there may be replaced
     */
    void check(String output, KeyFormat keyFormat, boolean overwrite) throws IOException {
        if (keyFormat != KeyFormat.PEFT) {
            checkFile(output, overwrite);
            return;
        }
        Path path = path(output);
        storage.requireReachable(path, "output");
        Optional<FileStatus> there = storage.status(path);
        boolean folder = there.isPresent() && there.get().isDirectory();
        if (output.endsWith(".safetensors") || (there.isPresent() && !folder)) {
            throw new UnusableException("Invalid --output: %s (expected a folder: PEFT reads %s and %s from one)"
                    .formatted(output, PeftConfig.WEIGHTS_FILE, PeftConfig.CONFIG_FILE));
        }
        refuse(output + "/" + PeftConfig.WEIGHTS_FILE, exists(path, PeftConfig.WEIGHTS_FILE) && !overwrite);
        refuse(output + "/" + PeftConfig.CONFIG_FILE, exists(path, PeftConfig.CONFIG_FILE) && !overwrite);
    }

    /**
     * Checks that a file can be written, before work on it begins.
     *
     * @param overwrite whether what is there may be replaced
     */
    void checkFile(String output, boolean overwrite) throws IOException {
        Path path = path(output);
        storage.requireReachable(path, "output");
        Optional<FileStatus> there = storage.status(path);
        if (there.isPresent() && there.get().isDirectory()) {
            throw new UnusableException("Invalid --output: %s (expected a file, it is a folder)".formatted(output));
        }
        refuse(output, there.isPresent() && !overwrite);
    }

    /** The SHA-256 of a LoRA's file, in hex. */
    String sha256(String location) throws IOException {
        return StoredLoras.sha256(storage, path(location), location);
    }

    private boolean exists(Path folder, String name) throws IOException {
        return storage.status(new Path(folder, name)).isPresent();
    }

    private static void refuse(String output, boolean exists) throws UnusableException {
        if (exists) {
            throw new UnusableException(
                    "Cannot write %s: it exists; give another --output, or --overwrite to replace it"
                            .formatted(output));
        }
    }

    /**
     * Writes a LoRA file; in PEFT's format a folder with weights and config.
     *
     * @return the size of the weights in bytes
     */
    long write(String output, boolean overwrite, LoraSource source, ElementType type, KeyFormat keyFormat)
            throws IOException {
        Content content = out -> LoraWriter.write(out, source, type, keyFormat);
        if (keyFormat != KeyFormat.PEFT) {
            return write(output, overwrite, content);
        }
        byte[] config = PeftConfig.write(source);
        if (overwrite) {
            // an earlier config must never stand beside these weights: it may say another strength
            storage.delete(new Path(path(output), PeftConfig.CONFIG_FILE));
        }
        long bytes = write(output + "/" + PeftConfig.WEIGHTS_FILE, overwrite, content);
        write(output + "/" + PeftConfig.CONFIG_FILE, overwrite, out -> out.write(ByteBuffer.wrap(config)));
        return bytes;
    }

    /**
     * Writes a file, complete or not at all.
     *
     * @return its size in bytes
     */
    long write(String output, boolean overwrite, Content content) throws IOException {
        Path path = path(output);
        if (overwrite) {
            return storage.replace(path, path.getParent(), content).bytes();
        }
        Storage.Stored stored = storage.createOnce(path, path.getParent(), content);
        refuse(output, !stored.created());
        return stored.bytes();
    }

    /** Whether a location is a URI, not a local path. */
    static boolean isUri(String location) {
        return URI.matcher(location).matches();
    }

    /** A local path may hold any character, also those that mean something in a URI. */
    static Path path(String location) throws UnusableException {
        Secrets.refuseInUri("this URI", location);
        try {
            return isUri(location)
                    ? new Path(location)
                    : new Path(java.nio.file.Path.of(location).toAbsolutePath().toUri());
        } catch (IllegalArgumentException e) {
            throw new UnusableException("Invalid path: '%s' (%s)".formatted(location, e.getMessage()), e);
        }
    }
}
