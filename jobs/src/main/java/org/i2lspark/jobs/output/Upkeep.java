package org.i2lspark.jobs.output;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.function.Consumer;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.output.Runs.Run;
import org.i2lspark.jobs.storage.Storage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps those apart who remove from an output and those who make. A remover says that it is at work before it looks for runs
 * that live, and a run says that it lives before it looks for removers. So at least one sees the other, whichever came first: a
 * remover spares what a run that it sees may have taken up, and a run waits for the removers that it sees.
 */
public final class Upkeep implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Upkeep.class);
    private static final Duration PAUSE = Duration.ofMillis(500);

    private final Storage storage;
    private final OutputLayout layout;
    private final Path folder;
    private final Heartbeat heartbeat;

    private Upkeep(Storage storage, OutputLayout layout, String id, Heartbeat heartbeat) {
        this.storage = storage;
        this.layout = layout;
        this.folder = new Path(layout.upkeep(), id);
        this.heartbeat = heartbeat;
    }

    /** Begins a remover's work; what died at such work is forgotten. Only now may it look for runs that live. */
    public static Upkeep begin(Storage storage, OutputLayout layout) throws IOException {
        Runs removers = new Runs(storage, layout.upkeep());
        removers.removeDead();
        String id = Runs.newId();
        return new Upkeep(storage, layout, id, Heartbeat.start(removers, id));
    }

    /**
     * Waits for the removers that are at work now; those who begin later see the run. To be called by a run that has said that
     * it lives, before it looks at what there is.
     *
     * @param log takes lines that a person should read
     */
    public static void awaitEnd(Storage storage, OutputLayout layout, Consumer<String> log) throws IOException {
        Runs removers = new Runs(storage, layout.upkeep());
        for (Run remover : removers.living()) {
            log.accept(
                    "Waiting for the 'i2l vacuum' or 'i2l verify --repair' that began at %s in %s: it may be removing what would be taken up now (if it was killed on another machine: until %d minutes later)"
                            .formatted(
                                    Instant.ofEpochMilli(remover.started()),
                                    layout.output(),
                                    Runs.SILENCE.toMinutes()));
            while (removers.lives(remover)) {
                pause();
            }
        }
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(PAUSE.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("Interrupted while waiting for upkeep").initCause(e);
        }
    }

    /** Ends the work: who waits for it goes on. */
    @Override
    public void close() {
        heartbeat.close();
        try {
            storage.delete(folder);
            storage.deleteIfEmpty(layout.upkeep());
        } catch (IOException e) {
            LOG.warn("Cannot remove {}; the next 'i2l vacuum' will", folder, e);
        }
    }
}
