package org.i2lspark.jobs.generate;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** Shows how far a run has come: on a terminal in one line that changes, else a line now and then. */
final class Progress implements AutoCloseable {
    private static final int TERMINAL_SECONDS = 1;
    private static final int LOG_SECONDS = 10;

    private final PrintStream out;
    private final boolean terminal;
    private final long totalStyles;
    private final long totalImages;
    private final long start = System.nanoTime();
    private final ScheduledExecutorService timer;
    private final ScheduledFuture<?> ticking;
    private long styles;
    private long images;
    private long embedded;
    private long failed;

    Progress(PrintStream out, boolean terminal, long totalStyles, long totalImages) {
        this.out = out;
        this.terminal = terminal;
        this.totalStyles = totalStyles;
        this.totalImages = totalImages;
        this.timer = Executors.newSingleThreadScheduledExecutor(runnable -> {
            Thread thread = new Thread(runnable, "i2l-progress");
            thread.setDaemon(true);
            return thread;
        });
        int period = terminal ? TERMINAL_SECONDS : LOG_SECONDS;
        this.ticking = timer.scheduleAtFixedRate(this::show, period, period, TimeUnit.SECONDS);
    }

    /** Counts a finished partition: its styles and images in the catalog, and how many images were embedded. */
    synchronized void add(long styleCount, long imageCount, PartResult result) {
        styles += styleCount;
        images += imageCount;
        embedded += result.images();
        failed += result.failures().size();
    }

    private synchronized void show() {
        String line = line((System.nanoTime() - start) / 1e9);
        if (terminal) {
            out.print("\r" + line + "   ");
            out.flush();
        } else {
            out.println(line);
        }
    }

    String line(double seconds) {
        double share = totalImages == 0 ? 1 : (double) images / totalImages;
        String remaining = images == 0 ? "?" : clock(seconds / share - seconds);
        return String.format(
                Locale.ROOT,
                "%d/%d styles (%.0f %%), %d failed, %.2f images/s, ETA %s",
                styles,
                totalStyles,
                100 * share,
                failed,
                embedded / seconds,
                remaining);
    }

    private static String clock(double seconds) {
        Duration duration = Duration.ofSeconds(Math.round(seconds));
        return "%d:%02d:%02d".formatted(duration.toHours(), duration.toMinutesPart(), duration.toSecondsPart());
    }

    @Override
    public void close() {
        ticking.cancel(false);
        timer.shutdownNow();
        if (terminal) {
            out.print("\r" + " ".repeat(79) + "\r");
            out.flush();
        }
    }
}
