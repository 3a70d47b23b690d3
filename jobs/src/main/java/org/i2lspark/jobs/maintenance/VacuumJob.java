package org.i2lspark.jobs.maintenance;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.StorageLevels;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.output.LoraFiles;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.output.OutputFile;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.PreviewFiles;
import org.i2lspark.jobs.output.Runs;
import org.i2lspark.jobs.output.Runs.Run;
import org.i2lspark.jobs.output.Upkeep;
import org.i2lspark.jobs.output.Uploads;
import org.i2lspark.jobs.storage.Storage;
import software.amazon.awssdk.services.s3.model.MultipartUpload;

/**
 * Removes from an output what nothing refers to any more: LoRAs and previews that no manifest row names, what runs left behind that were
 * killed, manifest files that compaction has replaced, and uploads that were begun and never ended. What is younger than a
 * limit stays, for a run may be making it or a query reading it.
 */
public final class VacuumJob {
    private static final int MAX_LISTED = 10_000;

    private final SparkSession spark;
    private final Storage storage;
    private final OutputLayout layout;
    private final Manifest manifest;
    private final Optional<Retention> retention;

    /** Keeps all LoRAs that rows name. */
    public VacuumJob(SparkSession spark, Storage storage, OutputLayout layout) {
        this(spark, storage, layout, Optional.empty());
    }

    /**
     * Upkeep of an output.
     *
     * @param retention of LoRAs that rows name; empty to keep all of them
     */
    public VacuumJob(SparkSession spark, Storage storage, OutputLayout layout, Optional<Retention> retention) {
        this.spark = spark;
        this.storage = storage;
        this.layout = layout;
        this.manifest = new Manifest(spark, storage, layout.output());
        this.retention = retention;
    }

    /**
     * Which of the LoRAs that rows name stay.
     *
     * @param versions of a style and base model, the newest among them
     * @param age since a LoRA was superseded
     * @param aliases tells the paths, relative to the output, of LoRAs that are in force, were so, or wait to be
     */
    public record Retention(int versions, Duration age, Aliases aliases) {}

    /** LoRAs that stay in any case. */
    @FunctionalInterface
    public interface Aliases {
        Set<String> paths() throws IOException;
    }

    /**
     * What is to be removed, or was.
     *
     * @param supersededCount LoRAs that newer ones have superseded
     * @param supersededBytes their size
     * @param superseded some of them
     * @param loraCount files that no manifest row names
     * @param loraBytes their size
     * @param loras some of them
     * @param previewCount pictures that no manifest row names
     * @param previewBytes their size
     * @param previews some of them
     * @param runs folders of runs that ended without a commit
     * @param manifestFiles folders and files of commits that do not count, or no longer, and what of them was set aside as damaged
     * @param uploads names of objects of which an upload was never ended
     */
    public record Report(
            long supersededCount,
            long supersededBytes,
            List<String> superseded,
            long loraCount,
            long loraBytes,
            List<String> loras,
            long previewCount,
            long previewBytes,
            List<String> previews,
            List<String> runs,
            List<String> manifestFiles,
            List<String> uploads) {
        /** The report for a program: names and values. */
        public Map<String, Object> facts() {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("superseded_count", supersededCount);
            facts.put("superseded_bytes", supersededBytes);
            facts.put("superseded", superseded);
            facts.put("lora_count", loraCount);
            facts.put("lora_bytes", loraBytes);
            facts.put("loras", loras);
            facts.put("preview_count", previewCount);
            facts.put("preview_bytes", previewBytes);
            facts.put("previews", previews);
            facts.put("runs", runs);
            facts.put("manifest_files", manifestFiles);
            facts.put("uploads", uploads);
            return facts;
        }
    }

    /**
     * Removes what is older, or only names it.
     *
     * @throws UnusableException if this is no output, or one of which the manifest does not tell what may be removed
     */
    public Report execute(Duration olderThan, boolean dryRun) throws IOException {
        spark.sparkContext().setJobDescription("i2l: vacuum " + layout.output());
        requireOutput();
        if (dryRun) {
            return vacuum(olderThan, true);
        }
        Upkeep upkeep = Upkeep.begin(storage, layout);
        try {
            return vacuum(olderThan, false);
        } finally {
            upkeep.close();
        }
    }

    private Report vacuum(Duration olderThan, boolean dryRun) throws IOException {
        long now = System.currentTimeMillis();
        List<Run> runs = new Runs(storage, layout.runs()).all(olderThan);
        requireNothingLost(runs);
        Optional<Long> oldestLiving =
                runs.stream().filter(Run::living).map(Run::started).min(Long::compare);
        // a run that takes longer than the limit has not named its first LoRAs yet, and a compaction reads what it
        // replaces
        long limit = Math.min(now - olderThan.toMillis(), oldestLiving.orElse(now));
        LoraFiles files = new LoraFiles(spark, layout);
        JavaRDD<OutputFile> orphans =
                files.removable(manifest, limit, oldestLiving.isPresent()).persist(StorageLevels.DISK_ONLY);
        // a run that lives may have taken up any of them
        JavaRDD<OutputFile> superseded = oldestLiving.isPresent() || retention.isEmpty()
                ? JavaSparkContext.fromSparkContext(spark.sparkContext()).emptyRDD()
                : superseded(files, retention.get(), now);
        superseded.persist(StorageLevels.DISK_ONLY);
        PreviewFiles previewFiles = new PreviewFiles(spark, layout);
        // a run that lives may have taken up those of one that was killed
        long previewLimit = oldestLiving.isPresent() ? Long.MIN_VALUE : limit;
        JavaRDD<OutputFile> orphanPreviews =
                previewFiles.removable(manifest, previewLimit).persist(StorageLevels.DISK_ONLY);
        Found foundLoras = Found.of(orphans);
        Found foundSuperseded = Found.of(superseded);
        Found foundPreviews = Found.of(orphanPreviews);
        List<Path> manifestFiles = deadManifestFiles(limit, living(runs));
        List<Path> deadRuns = deadRuns(runs, manifestFiles);
        List<String> uploads =
                storage.isObjectStore(layout.output()) ? endUploads(Instant.ofEpochMilli(limit), dryRun) : List.of();
        if (!dryRun) {
            previewFiles.remove(orphanPreviews);
            files.remove(orphans);
            files.retire(superseded);
            for (Path path : manifestFiles) {
                storage.delete(path);
            }
            for (Path path : deadRuns) {
                storage.delete(path);
            }
            storage.deleteIfEmpty(layout.damaged());
            storage.deleteIfEmpty(layout.runs());
        }
        orphans.unpersist();
        superseded.unpersist();
        orphanPreviews.unpersist();
        return new Report(
                foundSuperseded.count(),
                foundSuperseded.bytes(),
                foundSuperseded.some(),
                foundLoras.count(),
                foundLoras.bytes(),
                foundLoras.some(),
                foundPreviews.count(),
                foundPreviews.bytes(),
                foundPreviews.some(),
                deadRuns.stream().map(Path::toString).toList(),
                manifestFiles.stream().map(Path::toString).toList(),
                uploads);
    }

    private JavaRDD<OutputFile> superseded(LoraFiles files, Retention retention, long now) throws IOException {
        return files.superseded(
                manifest,
                retention.versions(),
                now - retention.age().toMillis(),
                retention.aliases().paths());
    }

    /** Files that may be removed. */
    private record Found(long count, long bytes, List<String> some) {
        static Found of(JavaRDD<OutputFile> files) {
            return new Found(
                    files.count(),
                    files.map(OutputFile::bytes).fold(0L, Long::sum),
                    files.map(OutputFile::path).take(MAX_LISTED));
        }
    }

    private static Set<String> living(List<Run> runs) {
        return runs.stream()
                .filter(Run::living)
                .map(run -> run.folder().getName())
                .collect(Collectors.toSet());
    }

    private void requireOutput() throws IOException {
        boolean isOutput = manifest.exists()
                || !storage.children(layout.runs()).isEmpty()
                || storage.status(layout.receipts()).isPresent()
                || storage.status(layout.loras()).isPresent();
        if (!isOutput) {
            throw new UnusableException(
                    "Cannot vacuum %s: it is no output of generate (it has neither loras/ nor manifest/)"
                            .formatted(layout.output()));
        }
    }

    private void requireNothingLost(List<Run> runs) throws IOException {
        List<String> lost =
                manifest.lost(runs.stream().map(run -> run.folder().getName()).collect(Collectors.toSet()));
        if (!lost.isEmpty()) {
            throw new UnusableException(
                    "Cannot vacuum %s: the manifest has rows of %s, and manifest/runs/ no longer has what commits them; nothing was removed. Run generate, which takes up their LoRAs as far as they are in its catalog, and vacuum then"
                            .formatted(layout.output(), lost.get(0)));
        }
    }

    private static long newest(List<FileStatus> files, FileStatus folder) {
        return files.stream().mapToLong(FileStatus::getModificationTime).max().orElse(folder.getModificationTime());
    }

    private List<Path> deadManifestFiles(long cutoff, Set<String> living) throws IOException {
        Set<String> counting = manifest.exists() ? new HashSet<>(manifest.commits()) : Set.of();
        // what was replaced may be read until as long after it was replaced
        long lastCommit = 0;
        Set<String> committed = new HashSet<>();
        List<Path> dead = new ArrayList<>();
        for (FileStatus file : storage.children(ManifestTable.RUNS.folder(layout.output()))) {
            String name = file.getPath().getName();
            if (name.endsWith(".parquet")) {
                String commit = Manifest.commitOf(file.getPath());
                committed.add(commit);
                if (counting.contains(commit)) {
                    lastCommit = Math.max(lastCommit, file.getModificationTime());
                } else {
                    dead.add(file.getPath());
                }
            }
        }
        if (lastCommit >= cutoff) {
            dead.clear();
        }
        for (FileStatus part : manifest.parts()) {
            String commit = Manifest.commitOf(part.getPath());
            long time = committed.contains(commit) ? lastCommit : newest(storage.files(part.getPath()), part);
            if (!counting.contains(commit) && !living.contains(commit) && time < cutoff) {
                dead.add(part.getPath());
            }
        }
        dead.addAll(setAside(cutoff));
        return dead;
    }

    /** What was damaged, and was set aside before that. */
    private List<Path> setAside(long cutoff) throws IOException {
        Optional<FileStatus> folder = storage.status(layout.damaged());
        // renaming keeps a file's time, unless the store copies; there the folder has none
        boolean lately = folder.isPresent()
                && !storage.isObjectStore(layout.damaged())
                && folder.get().getModificationTime() >= cutoff;
        return lately
                ? List.of()
                : storage.files(layout.damaged()).stream()
                        .filter(file -> file.getModificationTime() < cutoff)
                        .map(FileStatus::getPath)
                        .toList();
    }

    /** A run of which rows stay for now stays too: without its folder they would pass for rows of a commit that was lost. */
    private List<Path> deadRuns(List<Run> runs, List<Path> deadManifestFiles) throws IOException {
        List<Path> dead =
                runs.stream().filter(run -> !run.living()).map(Run::folder).toList();
        if (dead.isEmpty()) {
            return dead;
        }
        Set<String> kept = new HashSet<>();
        for (FileStatus part : manifest.parts()) {
            if (!deadManifestFiles.contains(part.getPath())) {
                kept.add(Manifest.commitOf(part.getPath()));
            }
        }
        kept.retainAll(manifest.lost(Set.of()));
        return dead.stream().filter(run -> !kept.contains(run.getName())).toList();
    }

    private List<String> endUploads(Instant cutoff, boolean dryRun) throws IOException {
        Uploads uploads = new Uploads(storage.fileSystem(layout.output()), layout.output());
        List<String> keys = new ArrayList<>();
        for (MultipartUpload upload : uploads.begunBefore(cutoff)) {
            if (!dryRun) {
                uploads.abort(upload);
            }
            keys.add(upload.key());
        }
        return keys;
    }
}
