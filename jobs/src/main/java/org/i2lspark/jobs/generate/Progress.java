package org.i2lspark.jobs.generate;

import java.io.PrintStream;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.util.LongAccumulator;
import org.i2lspark.jobs.worker.Counters;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Shows how far a run has come: on a terminal in one line that changes, else a line now and then. Counts of finished tasks
 * come with their results, those of running tasks with Spark's heartbeats.
 */
final class Progress extends SparkListener implements AutoCloseable {
    private static final int TERMINAL_SECONDS = 1;
    private static final int LOG_SECONDS = 10;

    private final PrintStream out;
    private final boolean terminal;
    private final Counters counters;
    private final long totalStyles;
    private final long totalImages;
    private final FailureLimit limit;
    private final long start = System.nanoTime();
    private final ScheduledExecutorService timer;
    private final ScheduledFuture<?> ticking;
    /** For each running task, the counters' values by their ids. */
    private final Map<Long, Map<Long, Long>> running = new HashMap<>();

    Progress(
            PrintStream out,
            boolean terminal,
            Counters counters,
            long totalStyles,
            long totalImages,
            FailureLimit limit) {
        this.out = out;
        this.terminal = terminal;
        this.counters = counters;
        this.totalStyles = totalStyles;
        this.totalImages = totalImages;
        this.limit = limit;
        this.timer = Executors.newSingleThreadScheduledExecutor(runnable -> {
            Thread thread = new Thread(runnable, "i2l-progress");
            thread.setDaemon(true);
            return thread;
        });
        int period = terminal ? TERMINAL_SECONDS : LOG_SECONDS;
        this.ticking = timer.scheduleAtFixedRate(this::show, period, period, TimeUnit.SECONDS);
    }

    @Override
    public synchronized void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate heartbeat) {
        for (var task : CollectionConverters.asJava(heartbeat.accumUpdates())) {
            Map<Long, Long> values = running.computeIfAbsent((Long) task._1(), ignored -> new HashMap<>());
            for (AccumulableInfo info : CollectionConverters.asJava(task._4())) {
                if (info.update().isDefined() && info.update().get() instanceof Long value) {
                    values.put(info.id(), value);
                }
            }
        }
        checkLimit();
    }

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
        running.remove(end.taskInfo().taskId());
        checkLimit();
    }

    private void checkLimit() {
        limit.check(count(counters.failed()), count(counters.styles()));
    }

    private long count(LongAccumulator counter) {
        return counter.sum()
                + running.values().stream()
                        .mapToLong(values -> values.getOrDefault(counter.id(), 0L))
                        .sum();
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

    synchronized String line(double seconds) {
        long images = count(counters.images());
        double share = totalImages == 0 ? 1 : (double) images / totalImages;
        return String.format(
                Locale.ROOT,
                "%d/%d styles (%.0f %%), %d failed, %.2f images/s, ETA %s",
                count(counters.styles()),
                totalStyles,
                100 * share,
                count(counters.failed()),
                count(counters.embedded()) / seconds,
                images == 0 ? "?" : clock(seconds / share - seconds));
    }

    private static String clock(double seconds) {
        Duration duration = Duration.ofSeconds(Math.max(0, Math.round(seconds)));
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
