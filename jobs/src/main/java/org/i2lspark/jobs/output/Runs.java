package org.i2lspark.jobs.output;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.InetAddress;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.storage.Storage;

/**
 * The runs of an output that are on their way, or, in another folder, those who remove from it. Each has a folder with a file
 * {@code started}, written once, and a file {@code alive}, written anew again and again by its driver. All times are the
 * store's own, so that clocks need not agree.
 */
public final class Runs {
    /** How often a driver says that it lives. */
    static final Duration HEARTBEAT = Duration.ofSeconds(30);

    /** A driver that was silent for so long is dead, unless it can be asked. */
    static final Duration SILENCE = Duration.ofMinutes(15);

    private static final DateTimeFormatter ID =
            DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

    private static final String STARTED = "started";
    private static final String ALIVE = "alive";
    private static final int MAX_BYTES = 1 << 16;
    private static final JsonMapper JSON = new JsonMapper();

    private final Storage storage;
    private final Path parent;

    /**
     * Runs, of which none needs to be there.
     *
     * @param parent of their folders
     */
    public Runs(Storage storage, Path parent) {
        this.storage = storage;
        this.parent = parent;
    }

    /** An id for a run or a commit; those of later seconds are greater. */
    public static String newId() {
        return ID.format(Instant.now()) + "-" + UUID.randomUUID().toString().substring(0, 4);
    }

    /**
     * A run's folder.
     *
     * @param started milliseconds since 1970
     * @param living whether its driver is at work; a dead one left the folder behind
     */
    public record Run(Path folder, long started, boolean living) {}

    /** Begins a run. */
    public void start(String runId) throws IOException {
        // first, for a folder without this word is one that was left behind
        sayAlive(runId);
        Path folder = new Path(parent, runId);
        storage.replace(new Path(folder, STARTED), folder, new byte[0]);
    }

    /** Says that a run's driver is at work. */
    public void sayAlive(String runId) throws IOException {
        Path folder = new Path(parent, runId);
        byte[] who = JSON.writeValueAsBytes(JSON.createObjectNode()
                .put("host", host())
                .put("pid", ProcessHandle.current().pid())
                .put("process_started", processStarted(ProcessHandle.current())));
        storage.replace(new Path(folder, ALIVE), folder, who);
    }

    /** Treats what is left of a commit that was lost as that of a run that was killed. */
    public void giveUp(String commit) throws IOException {
        Path folder = new Path(parent, commit);
        storage.replace(new Path(folder, STARTED), folder, new byte[0]);
    }

    /** Ids of all that have a folder. */
    public Set<String> ids() throws IOException {
        return storage.children(parent).stream()
                .map(folder -> folder.getPath().getName())
                .collect(Collectors.toSet());
    }

    /** Ends a run that may have left something behind. */
    public void end(String runId) throws IOException {
        storage.delete(new Path(new Path(parent, runId), ALIVE));
    }

    /**
     * All runs that have a folder.
     *
     * @param olderThan a run without a word from its driver, in whose folder something is younger, counts as living
     */
    public List<Run> all(Duration olderThan) throws IOException {
        List<Run> runs = new ArrayList<>();
        for (FileStatus child : storage.children(parent)) {
            Optional<Run> said = said(child.getPath());
            runs.add(said.isPresent() ? said.get() : silent(child, olderThan));
        }
        return runs;
    }

    /** Those whose drivers are at work, by their own word. */
    public List<Run> living() throws IOException {
        List<Run> living = new ArrayList<>();
        for (FileStatus child : storage.children(parent)) {
            said(child.getPath()).filter(Run::living).ifPresent(living::add);
        }
        return living;
    }

    /** Whether a run's driver is still at work. */
    boolean lives(Run run) throws IOException {
        return said(run.folder()).filter(Run::living).isPresent();
    }

    /** When the first of the living runs began; nothing when none lives. */
    Optional<Long> oldestLiving() throws IOException {
        return living().stream().map(Run::started).min(Long::compare);
    }

    /** Removes the folders of those that are dead. */
    void removeDead() throws IOException {
        for (Run run : all(SILENCE)) {
            if (!run.living()) {
                storage.delete(run.folder());
            }
        }
    }

    /** Nothing when the driver left no word: it has ended, or is of a version that leaves none. */
    private Optional<Run> said(Path folder) throws IOException {
        Optional<FileStatus> word = storage.status(new Path(folder, ALIVE));
        if (word.isEmpty()) {
            return Optional.empty();
        }
        try {
            boolean living = isAlive(word.get());
            long started =
                    storage.status(new Path(folder, STARTED)).orElse(word.get()).getModificationTime();
            return Optional.of(new Run(folder, started, living));
        } catch (FileNotFoundException e) {
            // it has ended meanwhile
            return Optional.empty();
        }
    }

    private boolean isAlive(FileStatus word) throws IOException {
        boolean silent = word.getModificationTime() < System.currentTimeMillis() - SILENCE.toMillis();
        JsonNode who = who(word);
        if (!silent && who.path("host").asText().equals(host())) {
            return ProcessHandle.of(who.path("pid").asLong())
                    .map(process -> processStarted(process)
                            == who.path("process_started").asLong())
                    .orElse(false);
        }
        return !silent;
    }

    /** Nobody in particular where the word is damaged. */
    private JsonNode who(FileStatus word) throws IOException {
        try {
            return JSON.readTree(storage.readAll(word.getPath(), MAX_BYTES));
        } catch (JsonProcessingException e) {
            return JSON.missingNode();
        }
    }

    private Run silent(FileStatus folder, Duration olderThan) throws IOException {
        List<FileStatus> files = storage.files(folder.getPath());
        long newest =
                files.stream().mapToLong(FileStatus::getModificationTime).max().orElse(folder.getModificationTime());
        long oldest =
                files.stream().mapToLong(FileStatus::getModificationTime).min().orElse(folder.getModificationTime());
        return new Run(folder.getPath(), oldest, newest >= System.currentTimeMillis() - olderThan.toMillis());
    }

    private static long processStarted(ProcessHandle process) {
        return process.info()
                .startInstant()
                .map(instant -> instant.toEpochMilli())
                .orElse(0L);
    }

    private static String host() throws IOException {
        return InetAddress.getLocalHost().getHostName();
    }
}
