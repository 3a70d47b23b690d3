package org.i2lspark.jobs.maintenance;

import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.StorageLevels;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.output.LoraCheck;
import org.i2lspark.jobs.output.LoraCheck.Finding;
import org.i2lspark.jobs.output.LoraCheck.Kind;
import org.i2lspark.jobs.output.LoraFiles;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.PreviewFiles;
import org.i2lspark.jobs.output.Runs;
import org.i2lspark.jobs.output.Runs.Run;
import org.i2lspark.jobs.output.Upkeep;
import org.i2lspark.jobs.storage.ShippedStorage;
import org.i2lspark.jobs.storage.Storage;

/**
 * Checks an output: each file of the manifest is what was committed and has the rows that it should; each LoRA that the manifest
 * names is there with the size and the SHA-256 that it says, a valid safetensors header and a receipt; each receipt can be read;
 * each preview that it names is there with its size and SHA-256; and each LoRA and preview that is there is named. May also remove what is damaged, so that the next run makes it again.
 */
public final class VerifyJob {
    private static final int LORAS_PER_TASK = 100;
    private static final int MAX_LISTED = 10_000;

    private final SparkSession spark;
    private final Storage storage;
    private final OutputLayout layout;
    private final Manifest manifest;

    public VerifyJob(SparkSession spark, Storage storage, OutputLayout layout) {
        this.spark = spark;
        this.storage = storage;
        this.layout = layout;
        this.manifest = new Manifest(spark, storage, layout.output());
    }

    /**
     * What was found.
     *
     * @param loras how many the manifest names
     * @param bytes how many they have together, by the manifest
     * @param previews how many the manifest names
     * @param counts of findings
     * @param findings some of them
     * @param removed how many damaged files were removed or set aside
     */
    public record Report(
            long loras, long bytes, long previews, Map<Kind, Long> counts, List<Finding> findings, long removed) {
        public boolean isClean() {
            return counts.isEmpty();
        }

        /** How many findings there are. */
        public long total() {
            return counts.values().stream().mapToLong(Long::longValue).sum();
        }

        /** The report for a program: names and values. */
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("clean", isClean());
            facts.put("loras", loras);
            facts.put("lora_bytes", bytes);
            facts.put("previews", previews);
            facts.put("removed", removed);
            facts.put("findings_by_kind", countsById());
            facts.put("findings", findings.stream().map(Finding::facts).toList());
            return facts;
        }

        private Map<String, Long> countsById() {
            Map<String, Long> byId = new TreeMap<>();
            counts.forEach((kind, count) -> byId.put(kind.id(), count));
            return byId;
        }
    }

    /** Reads all LoRAs. */
    public Report execute() throws IOException {
        requireManifest();
        return verify(false);
    }

    /**
     * Reads all LoRAs, and removes what is damaged.
     *
     * @throws UnusableException if a run is at work
     */
    public Report repair() throws IOException {
        requireManifest();
        Upkeep upkeep = Upkeep.begin(storage, layout);
        try {
            requireNoRun();
            return verify(true);
        } finally {
            upkeep.close();
        }
    }

    private void requireManifest() throws IOException {
        if (!manifest.exists() && lost().isEmpty()) {
            throw new UnusableException("Cannot verify %s: no run is committed there; is it the --output of a run?"
                    .formatted(layout.output()));
        }
    }

    /** What is half made looks damaged, and a LoRA that a run has taken up would be gone when it commits. */
    private void requireNoRun() throws IOException {
        for (Run run : new Runs(storage, layout.runs()).living()) {
            throw new UnusableException(
                    "Cannot repair %s: run or compaction %s, which began at %s, is at work there; nothing was removed. Repair when it has ended"
                            .formatted(layout.output(), run.folder().getName(), Instant.ofEpochMilli(run.started())));
        }
    }

    private Report verify(boolean repairs) throws IOException {
        spark.sparkContext().setJobDescription("i2l: verify " + layout.output());
        Map<String, String> damages = manifest.damages();
        List<Finding> ofManifest = manifestFindings(damages);
        if (!ofManifest.isEmpty()) {
            long removed = repairs ? setAside(damages.keySet()) : 0;
            // what the other rows say cannot be read before
            return new Report(0, 0, 0, Map.of(Kind.MANIFEST, (long) ofManifest.size()), ofManifest, removed);
        }
        return checkFiles(repairs);
    }

    private List<Finding> manifestFindings(Map<String, String> damages) throws IOException {
        List<Finding> findings = new ArrayList<>();
        damages.forEach(
                (commit, problem) -> findings.add(new Finding(Kind.MANIFEST, "manifest, commit " + commit, problem)));
        for (String commit : lost()) {
            findings.add(new Finding(
                    Kind.MANIFEST,
                    "manifest/runs/%s.parquet".formatted(commit),
                    "it is missing, and with it all rows of its run"));
        }
        return findings;
    }

    private List<String> lost() throws IOException {
        return manifest.lost(new Runs(storage, layout.runs()).ids());
    }

    private long setAside(Set<String> commits) throws IOException {
        for (String commit : commits) {
            manifest.setAside(commit, layout.damaged());
        }
        return commits.size();
    }

    private Report checkFiles(boolean repairs) throws IOException {
        JavaRDD<Row> rows = manifest.loras().toJavaRDD().persist(StorageLevels.DISK_ONLY);
        long count = rows.count();
        long bytes = rows.map(row -> row.<Long>getAs("bytes")).fold(0L, Long::sum);
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        ShippedStorage shipped = ShippedStorage.of(spark);
        String output = layout.output().toString();
        JavaRDD<Row> previews = manifest.previews().toJavaRDD().persist(StorageLevels.DISK_ONLY);
        long previewCount = previews.count();
        int parts = (int) Math.min(20_000, count / LORAS_PER_TASK + context.defaultParallelism());
        JavaRDD<Finding> wrongPreviews = previews.repartition(parts)
                .flatMap(row -> check(shipped, output)
                        .checkPreview(row.getAs("preview_path"), row.getAs("bytes"), row.getAs("sha256"))
                        .iterator());
        JavaRDD<Finding> wrong = rows.repartition(parts)
                .flatMap(row -> check(shipped, output)
                        .check(row.getAs("lora_path"), row.getAs("bytes"), row.getAs("sha256"))
                        .iterator());
        LoraFiles files = new LoraFiles(spark, layout);
        JavaRDD<Finding> receipts = files.unnamedReceipts(manifest)
                .flatMap(path -> check(shipped, output).checkReceipt(path).iterator());
        JavaRDD<Finding> unnamed = files.unnamed(manifest)
                .union(new PreviewFiles(spark, layout).unnamed(manifest))
                .map(file -> new Finding(Kind.NO_ROW, file.path(), "no row of the manifest names it"));
        JavaRDD<Finding> all =
                wrong.union(wrongPreviews).union(unnamed).union(receipts).persist(StorageLevels.DISK_ONLY);
        Map<Kind, Long> counts = new TreeMap<>(all.map(Finding::kind).countByValue());
        List<Finding> some = all.take(MAX_LISTED);
        long removed = !repairs
                ? 0
                : all.filter(Finding::isDamaged)
                        .map(finding -> (long) check(shipped, output).remove(finding))
                        .fold(0L, Long::sum);
        all.unpersist();
        rows.unpersist();
        previews.unpersist();
        return new Report(count, bytes, previewCount, counts, some, removed);
    }

    private static LoraCheck check(ShippedStorage shipped, String output) {
        return new LoraCheck(shipped.here(), new OutputLayout(output));
    }
}
