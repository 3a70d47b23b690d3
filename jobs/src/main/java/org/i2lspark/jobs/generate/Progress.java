package org.i2lspark.jobs.generate;

import java.util.HashMap;
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
import org.i2lspark.jobs.generate.ProgressDisplay.Counts;
import org.i2lspark.jobs.worker.Counters;
import scala.jdk.javaapi.CollectionConverters;

/** Follows how far a run has come. Counts of finished tasks come with their results, those of running ones with Spark's heartbeats. */
final class Progress extends SparkListener implements AutoCloseable {
    private static final int PERIOD_MILLIS = 500;

    private final ProgressDisplay display;
    private final Counters counters;
    private final long totalStyles;
    private final long totalImages;
    private final FailureLimit limit;
    private final long start = System.nanoTime();
    private final ScheduledExecutorService timer;
    private final ScheduledFuture<?> ticking;
    /** For each running task, the counters' values by their ids. */
    private final Map<Long, Map<Long, Long>> running = new HashMap<>();

    Progress(ProgressDisplay display, Counters counters, long totalStyles, long totalImages, FailureLimit limit) {
        this.display = display;
        this.counters = counters;
        this.totalStyles = totalStyles;
        this.totalImages = totalImages;
        this.limit = limit;
        this.timer = Executors.newSingleThreadScheduledExecutor(runnable -> {
            Thread thread = new Thread(runnable, "i2l-progress");
            thread.setDaemon(true);
            return thread;
        });
        this.ticking = timer.scheduleAtFixedRate(this::show, 0, PERIOD_MILLIS, TimeUnit.MILLISECONDS);
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

    private void show() {
        display.show(counts());
    }

    private synchronized Counts counts() {
        return new Counts(
                count(counters.styles()),
                totalStyles,
                Math.min(totalImages, count(counters.images())),
                totalImages,
                count(counters.embedded()),
                count(counters.failed()),
                (System.nanoTime() - start) / 1e9);
    }

    @Override
    public void close() {
        ticking.cancel(false);
        timer.shutdownNow();
        display.close();
    }
}
