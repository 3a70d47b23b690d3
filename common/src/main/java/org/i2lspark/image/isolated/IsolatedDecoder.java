package org.i2lspark.image.isolated;

import com.drew.metadata.Metadata;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.ImageException;
import org.i2lspark.image.ImageException.Problem;
import org.i2lspark.image.RgbImage;
import org.i2lspark.torch.ExecutableFolders;
import org.i2lspark.torch.UnusableLibraryException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decodes and crops images in processes of their own, one for each thread that asks at the same time. An image that makes
 * the decoder crash, hang or run out of memory costs that process, which is replaced, and not the caller's.
 */
public final class IsolatedDecoder implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(IsolatedDecoder.class);
    private static final int ATTEMPTS = 2;
    private static final int BUFFER_BYTES = 1 << 16;
    private static final int REQUEST = 1;

    private final List<String> command;
    private final Duration limit;
    private final ConcurrentLinkedDeque<Worker> idle = new ConcurrentLinkedDeque<>();
    private final ScheduledExecutorService watch = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "i2l-decoder-watch");
        thread.setDaemon(true);
        return thread;
    });

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
     * @param limit for one image; a process that takes longer is ended
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
                "-XX:+UseSerialGC",
                "-XX:-UsePerfData",
                "-XX:+PerfDisableSharedMem",
                "-Djava.awt.headless=true",
                "-Djava.io.tmpdir=" + nativesFolder(),
                "-cp",
                classPath(),
                main);
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

    /** In an executor the application is a jar that is not on the JVM's own class path. */
    private static String classPath() {
        Path own = location(ImageDecoder.class);
        return own.equals(location(Metadata.class)) ? own.toString() : System.getProperty("java.class.path");
    }

    private static Path location(Class<?> type) {
        try {
            return Path.of(
                    type.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * Decodes an image and cuts square crops out of it.
     *
     * @param maxPixels images of more pixels are refused before a pixel is decoded
     * @param cropSizes sides of the crops, in pixels
     * @throws ImageException if it cannot be decoded, also if that ended the decoder's process
     * @throws IOException if no process can be started
     */
    public Decoded decode(byte[] bytes, long maxPixels, List<Integer> cropSizes) throws IOException {
        ImageException last = null;
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Worker worker = idle.poll();
            if (worker == null) {
                worker = new Worker();
            }
            try {
                Decoded decoded = worker.decode(bytes, maxPixels, cropSizes);
                idle.push(worker);
                return decoded;
            } catch (WorkerLostException e) {
                worker.close();
                last = new ImageException(e.problem, e.getMessage());
                if (!e.mayBeChance) {
                    throw last;
                }
            } catch (ImageException e) {
                idle.push(worker);
                throw e;
            } catch (IOException | RuntimeException e) {
                worker.close();
                throw e;
            }
        }
        throw last;
    }

    private static final class WorkerLostException extends IOException {
        private static final long serialVersionUID = 1;

        private final Problem problem;
        private final boolean mayBeChance;

        WorkerLostException(Problem problem, boolean mayBeChance, String message) {
            super(message);
            this.problem = problem;
            this.mayBeChance = mayBeChance;
        }
    }

    private final class Worker implements AutoCloseable {
        private final Process process;
        private final DataInputStream in;
        private final DataOutputStream out;

        Worker() throws IOException {
            ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
            builder.environment().keySet().removeIf(name -> name.startsWith("AWS_") || name.endsWith("_OPTIONS"));
            this.process = builder.start();
            this.in = new DataInputStream(new BufferedInputStream(process.getInputStream(), BUFFER_BYTES));
            this.out = new DataOutputStream(new BufferedOutputStream(process.getOutputStream(), BUFFER_BYTES));
        }

        Decoded decode(byte[] bytes, long maxPixels, List<Integer> cropSizes) throws IOException {
            AtomicBoolean late = new AtomicBoolean();
            Future<?> alarm = watch.schedule(
                    () -> {
                        late.set(true);
                        process.destroyForcibly();
                    },
                    limit.toMillis(),
                    TimeUnit.MILLISECONDS);
            try {
                ask(bytes, maxPixels, cropSizes);
                return answer(cropSizes);
            } catch (ImageException | WorkerLostException e) {
                throw e;
            } catch (IOException e) {
                if (late.get()) {
                    throw new WorkerLostException(
                            Problem.FATAL,
                            false,
                            "Cannot decode image: it took the decoder more than %d s".formatted(limit.toSeconds()));
                }
                throw new WorkerLostException(
                        Problem.FATAL, true, "Cannot decode image: it ended the decoder's process" + exitCode());
            } finally {
                alarm.cancel(false);
            }
        }

        private void ask(byte[] bytes, long maxPixels, List<Integer> cropSizes) throws IOException {
            out.write(REQUEST);
            out.writeLong(maxPixels);
            out.writeInt(cropSizes.size());
            for (int size : cropSizes) {
                out.writeInt(size);
            }
            out.writeInt(bytes.length);
            out.write(bytes);
            out.flush();
        }

        private Decoded answer(List<Integer> cropSizes) throws IOException {
            int kind = in.readUnsignedByte();
            if (kind == DecoderMain.REFUSED) {
                throw new ImageException(Problem.valueOf(in.readUTF()), in.readUTF());
            }
            if (kind == DecoderMain.OUT_OF_MEMORY) {
                throw new WorkerLostException(
                        Problem.TOO_LARGE,
                        false,
                        "Cannot decode image: it takes more memory than the decoder has; shrink it, or give decoders more (spark.i2l.decoder.memory)");
            }
            if (kind != DecoderMain.DECODED) {
                throw new IOException("Unexpected answer of the decoder: " + kind);
            }
            int width = in.readInt();
            int height = in.readInt();
            List<RgbImage> crops = new ArrayList<>();
            for (int size : cropSizes) {
                byte[] pixels = new byte[size * size * RgbImage.CHANNELS];
                in.readFully(pixels);
                crops.add(new RgbImage(size, size, pixels));
            }
            return new Decoded(width, height, crops);
        }

        private String exitCode() {
            try {
                return process.waitFor(1, TimeUnit.SECONDS) ? " (exit code %d)".formatted(process.exitValue()) : "";
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return "";
            }
        }

        @Override
        public void close() {
            process.destroyForcibly();
            try {
                in.close();
                out.close();
            } catch (IOException e) {
                if (process.isAlive()) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    /** Ends the processes that wait for work. */
    @Override
    public void close() {
        watch.shutdownNow();
        for (Worker worker = idle.poll(); worker != null; worker = idle.poll()) {
            worker.close();
        }
    }
}
