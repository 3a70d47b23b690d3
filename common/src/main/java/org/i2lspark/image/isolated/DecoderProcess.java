package org.i2lspark.image.isolated;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.i2lspark.image.DecoderUnavailableException;
import org.i2lspark.image.DecoderUnavailableException.Lack;
import org.i2lspark.image.ImageException;
import org.i2lspark.image.ImageException.Problem;
import org.i2lspark.image.RgbImage;
import org.i2lspark.image.isolated.IsolatedDecoder.Decoded;

/** One decoder process, seen from the one that asks it. */
final class DecoderProcess implements AutoCloseable {
    private static final int BUFFER_BYTES = 1 << 16;
    private static final int REQUEST = 1;
    private static final int CHECKS_WITHIN_LIMIT = 20;
    /** Where a process waits for its turn on a busy machine, it uses little processor time in much of the wall's. */
    private static final int WALL_LIMITS = 10;

    private static final Duration LEAST_WALL_LIMIT = Duration.ofMinutes(2);

    /** What does not depend on an image, starting and decoding known ones, is not held to the limit of an image. */
    private static final Duration OWN_LIMIT = Duration.ofMinutes(1);

    private static final long END_SECONDS = 10;

    private static final ScheduledExecutorService WATCH = watch();

    private final Process process;
    private final ErrorTail errors;
    private final DataInputStream in;
    private final DataOutputStream out;
    private final Duration limit;

    private DecoderProcess(Process process, Duration limit) {
        this.process = process;
        this.errors = new ErrorTail(process.getErrorStream());
        this.in = new DataInputStream(new BufferedInputStream(process.getInputStream(), BUFFER_BYTES));
        this.out = new DataOutputStream(new BufferedOutputStream(process.getOutputStream(), BUFFER_BYTES));
        this.limit = limit;
    }

    /** One thread for all processes, which is there while one of them is at work. */
    private static ScheduledExecutorService watch() {
        ScheduledThreadPoolExecutor watch = new ScheduledThreadPoolExecutor(1, task -> {
            Thread thread = new Thread(task, "i2l-decoder-watch");
            thread.setDaemon(true);
            return thread;
        });
        watch.setRemoveOnCancelPolicy(true);
        watch.setKeepAliveTime(1, TimeUnit.MINUTES);
        watch.allowCoreThreadTimeOut(true);
        return watch;
    }

    /**
     * A process that is ready to decode.
     *
     * @throws DecoderUnavailableException if it cannot be started, or ends by itself before it is ready
     */
    static DecoderProcess start(List<String> command, Duration limit) throws DecoderUnavailableException {
        Process process = null;
        try {
            ProcessBuilder builder = new ProcessBuilder(command);
            builder.environment().keySet().removeIf(name -> name.startsWith("AWS_") || name.endsWith("_OPTIONS"));
            process = builder.start();
            DecoderProcess decoder = new DecoderProcess(process, limit);
            decoder.awaitReady();
            return decoder;
        } catch (IOException | OutOfMemoryError e) {
            if (process != null) {
                process.destroyForcibly();
            }
            throw new DecoderUnavailableException(
                    Lack.PROCESS,
                    "Cannot start a decoder process: %s; check its memory and whether this machine has memory and processes left"
                            .formatted(e.getMessage()),
                    e);
        }
    }

    private void awaitReady() throws IOException {
        Watchdog watchdog = new Watchdog(OWN_LIMIT);
        int answer;
        try {
            answer = in.read();
        } finally {
            watchdog.stop();
        }
        if (answer != DecoderMain.READY) {
            throw new IOException(
                    watchdog.hasBitten()
                            ? "it was not ready in time" + lastWords()
                            : "it ended at once" + exitCode() + lastWords());
        }
    }

    /**
     * Decodes an image and cuts square crops out of it.
     *
     * @throws ImageException if the decoder refuses it
     * @throws ProcessLostException if the process is lost by it
     * @throws DecoderUnavailableException if the process lacks what decoding takes
     */
    Decoded decode(byte[] bytes, long maxPixels, List<Integer> cropSizes) throws IOException {
        return decode(bytes, maxPixels, cropSizes, limit);
    }

    /** Decodes an image that is known to be good, however long it takes. */
    Decoded decodeKnown(byte[] bytes, int size) throws IOException {
        return decode(bytes, (long) size * size, List.of(size), OWN_LIMIT);
    }

    private Decoded decode(byte[] bytes, long maxPixels, List<Integer> cropSizes, Duration within) throws IOException {
        Watchdog watchdog = new Watchdog(within);
        try {
            ask(bytes, maxPixels, cropSizes);
            return answer(cropSizes);
        } catch (ImageException | ProcessLostException | DecoderUnavailableException e) {
            throw e;
        } catch (IOException e) {
            if (watchdog.hasBitten()) {
                throw watchdog.problem();
            }
            process.destroyForcibly();
            throw ProcessLostException.perhapsByChance(
                    "Cannot decode image: it ended the decoder's process" + exitCode() + lastWords());
        } finally {
            watchdog.stop();
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
        if (kind == DecoderMain.UNAVAILABLE) {
            throw new DecoderUnavailableException(Lack.READER, in.readUTF(), null);
        }
        if (kind == DecoderMain.OUT_OF_MEMORY) {
            throw ProcessLostException.certain(
                    Problem.OUT_OF_MEMORY,
                    "Cannot decode image: it takes more memory than the decoder has; shrink it, or give the decoder more");
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

    /** Kills the process when it has had its processor time, or waits too long for it. */
    private final class Watchdog {
        private final Duration limit;
        private final Duration wallLimit;
        private final Duration cpuBefore = cpu();
        private final long start = System.nanoTime();
        private final AtomicBoolean bitten = new AtomicBoolean();
        private final Future<?> checks;
        private volatile boolean byCpu;

        Watchdog(Duration limit) {
            this.limit = limit;
            Duration wall = limit.multipliedBy(WALL_LIMITS);
            this.wallLimit = wall.compareTo(LEAST_WALL_LIMIT) > 0 ? wall : LEAST_WALL_LIMIT;
            long interval = Math.max(1, limit.toMillis() / CHECKS_WITHIN_LIMIT);
            this.checks = WATCH.scheduleWithFixedDelay(this::check, interval, interval, TimeUnit.MILLISECONDS);
        }

        private void check() {
            boolean tooMuch = cpu().minus(cpuBefore).compareTo(limit) > 0;
            boolean tooLong = System.nanoTime() - start > wallLimit.toNanos();
            if (tooMuch || tooLong) {
                byCpu = tooMuch;
                bitten.set(true);
                process.destroyForcibly();
            }
        }

        /** Zero where the system does not say. */
        private Duration cpu() {
            return process.info().totalCpuDuration().orElse(Duration.ZERO);
        }

        boolean hasBitten() {
            return bitten.get();
        }

        ProcessLostException problem() {
            return byCpu
                    ? ProcessLostException.certain(
                            Problem.FATAL,
                            "Cannot decode image: it took the decoder more than %d s of processor time"
                                    .formatted(limit.toSeconds()))
                    : ProcessLostException.perhapsByChance(
                            "Cannot decode image: the decoder gave no answer in %d s".formatted(wallLimit.toSeconds()));
        }

        void stop() {
            checks.cancel(false);
        }
    }

    /** What an ended process said last, to be added to a message. */
    String lastWords() {
        if (process.isAlive()) {
            return "";
        }
        String words = errors.ofEndedProcess();
        return words.isEmpty() ? "" : ": " + words;
    }

    private String exitCode() {
        try {
            return process.waitFor(END_SECONDS, TimeUnit.SECONDS)
                    ? " (exit code %d)".formatted(process.exitValue())
                    : "";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "";
        }
    }

    void kill() {
        process.destroyForcibly();
    }

    /** Lets the process end by itself, so that it removes its temporary files. */
    @Override
    public void close() {
        try {
            out.close();
            if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
                kill();
            }
        } catch (IOException e) {
            kill();
        } catch (InterruptedException e) {
            kill();
            Thread.currentThread().interrupt();
        }
    }
}
