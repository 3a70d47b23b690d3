package org.i2lspark.jobs.maintenance;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.output.Heartbeat;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.Runs;
import org.i2lspark.jobs.output.Upkeep;
import org.i2lspark.jobs.storage.Storage;

/** Writes the manifest's many small files together into few. Whoever is reading the old ones is not disturbed. */
public final class CompactJob {
    private final SparkSession spark;
    private final Storage storage;
    private final OutputLayout layout;
    private final Manifest manifest;
    private final Consumer<String> log;

    /**
     * A compaction that has not begun.
     *
     * @param log takes lines that a person should read
     */
    public CompactJob(SparkSession spark, Storage storage, OutputLayout layout, Consumer<String> log) {
        this.spark = spark;
        this.storage = storage;
        this.layout = layout;
        this.manifest = new Manifest(spark, storage, layout.output());
        this.log = log;
    }

    /** Files of all tables. */
    public record Report(int commits, long filesBefore, long filesAfter) {
        /** The report for a program: names and values. */
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("commits", commits);
            facts.put("files_before", filesBefore);
            facts.put("files_after", filesAfter);
            return facts;
        }
    }

    /** Compacts, or only counts; where all is in one commit there is nothing to do. */
    public Report execute(boolean dryRun) throws IOException {
        spark.sparkContext().setJobDescription("i2l: compact the manifest of " + layout.output());
        List<String> commits = manifest.commits();
        long before = files(commits);
        if (dryRun || commits.size() < 2) {
            return new Report(commits.size(), before, before);
        }
        String commit = Runs.newId();
        String latest = commits.stream().max(String::compareTo).orElseThrow();
        if (commit.compareTo(latest) <= 0) {
            // of the same second, or by a clock that is ahead
            commit = latest + "-c";
        }
        Path scratch = layout.run(commit);
        Heartbeat heartbeat = Heartbeat.start(new Runs(storage, layout.runs()), commit);
        try {
            Upkeep.awaitEnd(storage, layout, log);
            manifest.compact(commit, scratch);
        } finally {
            heartbeat.close();
        }
        // left behind where it broke, so that what it wrote by then is known for no commit that was lost
        storage.delete(scratch);
        storage.deleteIfEmpty(layout.runs());
        return new Report(commits.size(), before, files(List.of(commit)));
    }

    private long files(List<String> commits) throws IOException {
        long files = commits.size();
        for (String commit : commits) {
            for (ManifestTable table : ManifestTable.OF_ROWS) {
                files += storage.files(manifest.folder(table, commit)).stream()
                        .filter(file -> file.getPath().getName().endsWith(".parquet"))
                        .count();
            }
        }
        return files;
    }
}
