package org.i2lspark.jobs;

import com.github.luben.zstd.Zstd;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.i2lspark.torch.ExecutableFolders;
import org.i2lspark.torch.UnusableLibraryException;
import org.xerial.snappy.Snappy;
import org.xerial.snappy.SnappyError;

/**
 * The native libraries of Spark's and Parquet's codecs. They unpack themselves to Java's temporary folder when they are first
 * used, which for the manifest's is after all work: where that folder is mounted {@code noexec}, the work would be lost.
 */
public final class NativeCodecs {
    private NativeCodecs() {}

    /** Lets natives that are still to be loaded go where they can be executed. Best before anything else of a process. */
    public static void unpackWhereExecutable() throws UnusableLibraryException {
        Path folder = ExecutableFolders.temporary();
        if (!folder.equals(Path.of(System.getProperty("java.io.tmpdir")))) {
            System.setProperty("java.io.tmpdir", folder.toString());
            System.setProperty("ZstdTempFolder", folder.toString());
            System.setProperty("org.xerial.snappy.tempdir", folder.toString());
        }
    }

    /**
     * Loads what the manifest is written with.
     *
     * @throws UnusableException if this process cannot load it
     */
    public static void require() throws UnusableException {
        byte[] some = "some".getBytes(StandardCharsets.US_ASCII);
        try {
            unpackWhereExecutable();
            Zstd.compress(some);
            Snappy.compress(some);
        } catch (IOException | LinkageError | SnappyError e) {
            throw new UnusableException(
                    "Cannot load the native libraries that the manifest is written with: "
                            + Problems.describe(e).lines().findFirst().orElse(""),
                    e);
        }
    }
}
