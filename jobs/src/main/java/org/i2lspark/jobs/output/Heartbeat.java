package org.i2lspark.jobs.output;

import java.io.IOException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says in the output, again and again, that a run lives: what it has not named yet must not be removed. Those who remove say it
 * of themselves, see {@link Upkeep}.
 */
public final class Heartbeat implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Heartbeat.class);
    private static final int LAST_BEAT_SECONDS = 60;

    private final Runs runs;
    private final String runId;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(runnable -> {
        Thread thread = new Thread(runnable, "i2l-heartbeat");
        thread.setDaemon(true);
        return thread;
    });

    private ScheduledFuture<?> beating;

    private Heartbeat(Runs runs, String runId) {
        this.runs = runs;
        this.runId = runId;
    }

    /** Begins a run. */
    public static Heartbeat start(Runs runs, String runId) throws IOException {
        runs.start(runId);
        Heartbeat heartbeat = new Heartbeat(runs, runId);
        long seconds = Runs.HEARTBEAT.toSeconds();
        heartbeat.beating = heartbeat.timer.scheduleAtFixedRate(heartbeat::beat, seconds, seconds, TimeUnit.SECONDS);
        return heartbeat;
    }

    private void beat() {
        try {
            runs.sayAlive(runId);
        } catch (IOException e) {
            LOG.warn("Cannot say that run {} lives; it is tried again", runId, e);
        }
    }

    @Override
    public void close() {
        beating.cancel(false);
        timer.shutdown();
        try {
            // a beat that came after the end would bring the run back
            if (!timer.awaitTermination(LAST_BEAT_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("The last heartbeat of run {} hangs", runId);
            }
            runs.end(runId);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            LOG.warn("Cannot end run {}; 'i2l vacuum' will in a while", runId, e);
        }
    }
}
