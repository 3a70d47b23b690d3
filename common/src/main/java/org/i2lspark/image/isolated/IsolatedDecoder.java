package org.i2lspark.image.isolated;

import com.drew.metadata.Metadata;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.i2lspark.image.DecoderUnavailableException;
import org.i2lspark.image.DecoderUnavailableException.Lack;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.ImageException;
import org.i2lspark.image.RgbImage;
import org.i2lspark.torch.ExecutableFolders;
import org.i2lspark.torch.UnusableLibraryException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decodes and crops images in processes of their own, one for each thread that asks at the same time. An image that makes
 * the decoder crash, hang or run out of memory costs that process, which is replaced, and not the caller's. It is blamed
 * only if a fresh process that decodes a known image cannot decode it either.
 */
public final class IsolatedDecoder implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(IsolatedDecoder.class);
    /** One small image of each format that needs native code. */
    private static final List<String> KNOWN_IMAGES = List.of("known.jpg", "known.webp");

    private static final int KNOWN_SIZE = 16;
    private static final int MAX_IDLE = Math.max(2, Runtime.getRuntime().availableProcessors());

    private final List<String> command;
    private final Duration limit;
    private final ConcurrentLinkedDeque<DecoderProcess> idle = new ConcurrentLinkedDeque<>();
    private volatile boolean closed;

    /**
     * What became of an image.
     *
     * @param width of the upright image, in pixels
     * @param crops square ones, of the sizes that were asked for
     */
    public record Decoded(int width, int height, List<RgbImage> crops) {}

    /**
     * A decoder that starts its processes when they are needed.
     *
     * @param heap what one of them may use, as {@code -Xmx} takes it
     * @param limit for one image, of processor time; a process that takes more, or that waits ten times as long and
     *     two minutes at least, is ended
     */
    public IsolatedDecoder(String heap, Duration limit) {
        this(javaCommand(heap, DecoderMain.class.getName()), limit);
    }

    IsolatedDecoder(List<String> command, Duration limit) {
        this.command = List.copyOf(command);
        this.limit = limit;
    }

    static List<String> javaCommand(String heap, String main) {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + heap,
                // many of these run beside each other, so each is kept small: by default the heap would begin with a
                // share of
                // the machine's memory
                "-XX:+UseSerialGC",
                "-Xms24m",
                "-Xmn16m",
                "-XX:-ShrinkHeapInSteps",
                "-XX:-UsePerfData",
                "-XX:+PerfDisableSharedMem",
                "-XX:+DisplayVMOutputToStderr",
                "-XX:-CreateCoredumpOnCrash",
                "-Djava.awt.headless=true",
                "-Djava.io.tmpdir=" + nativesFolder(),
                "-cp",
                classPath(),
                main,
                Long.toString(ProcessHandle.current().pid()));
    }

    /** Where libwebp can be unpacked and executed; the usual folder if there is none, which WebP images then fail for. */
    private static Path nativesFolder() {
        try {
            return ExecutableFolders.temporary();
        } catch (UnusableLibraryException e) {
            log.warn("Cannot decode WebP images", e);
            return Path.of(System.getProperty("java.io.tmpdir"));
        }
    }

    /** In an executor the library lies in jars that are not on the JVM's own class path: in one, or each in its own. */
    private static String classPath() {
        Path own = location(ImageDecoder.class);
        if (own.equals(location(Metadata.class))) {
            return own.toString();
        }
        Stream<String> added = Stream.iterate(
                        ImageDecoder.class.getClassLoader(), Objects::nonNull, ClassLoader::getParent)
                .filter(URLClassLoader.class::isInstance)
                .flatMap(loader -> Arrays.stream(((URLClassLoader) loader).getURLs()))
                .filter(url -> url.getProtocol().equals("file"))
                .map(url -> path(url).toString());
        return Stream.concat(added, Stream.of(System.getProperty("java.class.path")))
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static Path location(Class<?> type) {
        return path(type.getProtectionDomain().getCodeSource().getLocation());
    }

    private static Path path(URL file) {
        try {
            return Path.of(file.toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * Finds out whether images can be decoded here, by a small one of each format that needs native code.
     *
     * @throws DecoderUnavailableException if not; its message is one line that says what failed and what to set
     */
    public void probe() throws DecoderUnavailableException {
        release(startProbed());
    }

    /**
     * Decodes an image and cuts square crops out of it.
     *
     * @param maxPixels images of more pixels are refused before a pixel is decoded
     * @param cropSizes sides of the crops, in pixels
     * @throws ImageException if it cannot be decoded, also if that ended the decoder's process
     * @throws DecoderUnavailableException if nothing can be decoded here, or the crops do not fit into this process
     */
    public Decoded decode(byte[] bytes, long maxPixels, List<Integer> cropSizes) throws IOException {
        try {
            DecoderProcess waiting = idle.poll();
            return decodeWith(waiting == null ? start() : waiting, bytes, maxPixels, cropSizes);
        } catch (ProcessLostException first) {
            DecoderProcess fresh = startProbed();
            if (first.isCertain()) {
                release(fresh);
                throw first.ofImage();
            }
            try {
                return decodeWith(fresh, bytes, maxPixels, cropSizes);
            } catch (ProcessLostException second) {
                throw second.ofImage();
            }
        }
    }

    private Decoded decodeWith(DecoderProcess process, byte[] bytes, long maxPixels, List<Integer> cropSizes)
            throws IOException {
        boolean usable = false;
        try {
            Decoded decoded = process.decode(bytes, maxPixels, cropSizes);
            usable = true;
            return decoded;
        } catch (ImageException e) {
            usable = true;
            throw e;
        } catch (OutOfMemoryError e) {
            throw new DecoderUnavailableException(
                    Lack.MEMORY, "Cannot decode image: its crops do not fit into this process's memory", e);
        } finally {
            if (usable) {
                release(process);
            } else {
                process.kill();
            }
        }
    }

    private void release(DecoderProcess process) {
        if (idle.size() >= MAX_IDLE) {
            process.close();
            return;
        }
        idle.push(process);
        if (closed) {
            endIdle();
        }
    }

    private DecoderProcess start() throws DecoderUnavailableException {
        return DecoderProcess.start(command, limit);
    }

    /** A process that has decoded the known images. */
    private DecoderProcess startProbed() throws DecoderUnavailableException {
        DecoderProcess process = start();
        boolean usable = false;
        try {
            for (String name : KNOWN_IMAGES) {
                decodeKnown(process, name);
            }
            usable = true;
            return process;
        } finally {
            if (!usable) {
                process.kill();
            }
        }
    }

    private static void decodeKnown(DecoderProcess process, String name) throws DecoderUnavailableException {
        try (InputStream in = IsolatedDecoder.class.getResourceAsStream(name)) {
            process.decodeKnown(in.readAllBytes(), KNOWN_SIZE);
        } catch (DecoderUnavailableException e) {
            throw e;
        } catch (IOException e) {
            throw new DecoderUnavailableException(
                    Lack.PROCESS,
                    "Cannot decode images: a decoder process fails at a known good one, %s (%s%s); check its memory and what this machine has left"
                            .formatted(name, e.getMessage(), process.lastWords()),
                    e);
        }
    }

    /** Ends the processes that wait for work; one that is at work, as soon as it is done. */
    @Override
    public void close() {
        closed = true;
        endIdle();
    }

    private void endIdle() {
        for (DecoderProcess process = idle.poll(); process != null; process = idle.poll()) {
            process.close();
        }
    }
}
