package org.i2lspark.jobs.maintenance;

import static org.apache.spark.sql.functions.col;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.output.LoraFiles;
import org.i2lspark.jobs.output.LoraFiles.LoraFile;
import org.i2lspark.jobs.output.Manifest;
import org.i2lspark.jobs.output.ManifestTable;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.Uploads;
import org.i2lspark.jobs.storage.Storage;
import scala.Tuple2;
import software.amazon.awssdk.services.s3.model.MultipartUpload;

/**
 * Removes from an output what nothing refers to any more: LoRAs that no manifest row names, what runs left behind that were
 * killed, manifest files that compaction has replaced, and uploads that were begun and never ended. What is younger than a
 * limit stays, for a run may be making it or a query reading it.
 */
public final class VacuumJob {
    private final SparkSession spark;
    private final Storage storage;
    private final OutputLayout layout;
    private final Manifest manifest;

    public VacuumJob(SparkSession spark, Storage storage, OutputLayout layout) {
        this.spark = spark;
        this.storage = storage;
        this.layout = layout;
        this.manifest = new Manifest(spark, storage, layout.output());
    }

    /**
     * What is to be removed, or was.
     *
     * @param loras files that no manifest row names
     * @param loraBytes their size
     * @param runs folders of runs that ended without a commit
     * @param manifestFiles folders and files of commits that do not count, or no longer
     * @param uploads names of objects of which an upload was never ended
     */
    public record Report(
            List<String> loras, long loraBytes, List<String> runs, List<String> manifestFiles, List<String> uploads) {}

    /** Removes what is older, or only names it. */
    public Report execute(Duration olderThan, boolean dryRun) throws IOException {
        spark.sparkContext().setJobDescription("i2l: vacuum " + layout.output());
        long now = System.currentTimeMillis();
        long cutoff = now - olderThan.toMillis();
        List<Path> deadRuns = new ArrayList<>();
        long oldestLiving = now;
        for (FileStatus run : storage.children(layout.runs())) {
            List<FileStatus> files = storage.files(run.getPath());
            if (newest(files, run) < cutoff) {
                deadRuns.add(run.getPath());
            } else {
                oldestLiving = Math.min(oldestLiving, oldest(files, run));
            }
        }
        // a run that takes longer than the limit has not named its first LoRAs yet
        List<LoraFile> orphans = orphans(Math.min(cutoff, oldestLiving));
        List<Path> manifestFiles = deadManifestFiles(cutoff);
        List<String> uploads =
                storage.isObjectStore(layout.output()) ? endUploads(Instant.ofEpochMilli(cutoff), dryRun) : List.of();
        if (!dryRun) {
            for (LoraFile orphan : orphans) {
                removeLora(orphan);
            }
            for (Path path : manifestFiles) {
                storage.delete(path);
            }
            for (Path path : deadRuns) {
                storage.delete(path);
            }
            storage.deleteIfEmpty(layout.runs());
        }
        return new Report(
                orphans.stream().map(LoraFile::uri).toList(),
                orphans.stream().mapToLong(LoraFile::bytes).sum(),
                deadRuns.stream().map(Path::toString).toList(),
                manifestFiles.stream().map(Path::toString).toList(),
                uploads);
    }

    private static long newest(List<FileStatus> files, FileStatus folder) {
        return files.stream().mapToLong(FileStatus::getModificationTime).max().orElse(folder.getModificationTime());
    }

    private static long oldest(List<FileStatus> files, FileStatus folder) {
        return files.stream().mapToLong(FileStatus::getModificationTime).min().orElse(folder.getModificationTime());
    }

    private List<LoraFile> orphans(long cutoff) throws IOException {
        JavaPairRDD<String, LoraFile> files = LoraFiles.list(spark, layout.loras())
                .filter(file -> file.modified() < cutoff)
                .mapToPair(file -> new Tuple2<>(file.uri(), file));
        if (manifest.exists()) {
            files = files.subtractByKey(manifest.rows(ManifestTable.LORAS)
                    .filter(col("lora_uri").isNotNull())
                    .select("lora_uri")
                    .distinct()
                    .toJavaRDD()
                    .mapToPair(row -> new Tuple2<>(row.getString(0), true)));
        }
        return files.values().collect();
    }

    /** The receipt goes first: without it the LoRA is at worst made again. */
    private void removeLora(LoraFile lora) throws IOException {
        String relative = lora.uri().substring(layout.loras().toString().length() + 1);
        if (relative.endsWith(".safetensors")) {
            storage.delete(layout.receiptOf(relative));
        }
        storage.delete(new Path(lora.uri()));
    }

    private List<Path> deadManifestFiles(long cutoff) throws IOException {
        Set<String> counting = manifest.exists() ? new HashSet<>(manifest.commits()) : Set.of();
        // what was replaced may be read until as long after it was replaced
        long lastCommit = 0;
        Set<String> committed = new HashSet<>();
        List<Path> dead = new ArrayList<>();
        for (FileStatus file : storage.children(ManifestTable.RUNS.folder(layout.output()))) {
            String name = file.getPath().getName();
            if (name.endsWith(".parquet")) {
                String commit = name.substring(0, name.length() - ".parquet".length());
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
        for (ManifestTable table : List.of(ManifestTable.LORAS, ManifestTable.IMAGES)) {
            for (FileStatus folder : storage.children(table.folder(layout.output()))) {
                String name = folder.getPath().getName();
                String commit = name.substring(name.indexOf('=') + 1);
                long time = committed.contains(commit) ? lastCommit : newest(storage.files(folder.getPath()), folder);
                if (!counting.contains(commit) && time < cutoff) {
                    dead.add(folder.getPath());
                }
            }
        }
        return dead;
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
