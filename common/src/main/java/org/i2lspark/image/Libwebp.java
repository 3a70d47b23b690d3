package org.i2lspark.image;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.stream.Stream;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * Loads libwebp, which its reader unpacks to the temporary folder when it first needs it and removes when Java ends. A
 * process that is killed would leave it; so it gets a folder of its own, which is removed once the library is loaded.
 */
final class Libwebp {
    private static final String FOLDER = "com.luciad.imageio.webp.tmpdir";
    private static final byte[] A_PIXEL =
            HexFormat.of().parseHex("524946461a000000574542505650384c0d0000002f00000010071011118888fe0700");

    private static boolean loaded;

    private Libwebp() {}

    static synchronized void load(ImageReader reader) throws IOException {
        if (loaded) {
            return;
        }
        Path folder = Files.createTempDirectory("i2l-libwebp");
        System.setProperty(FOLDER, folder.toString());
        try (ImageInputStream in = new MemoryCacheImageInputStream(new ByteArrayInputStream(A_PIXEL))) {
            reader.setInput(in);
            reader.read(0);
            loaded = true;
        } finally {
            System.clearProperty(FOLDER);
            delete(folder);
        }
    }

    private static void delete(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
            Files.delete(folder);
        } catch (IOException e) {
            // such as on a system that keeps what is loaded: the reader tries again when Java ends. No word is lost on
            // it,
            // for a decoder's process has no logger.
        }
    }
}
