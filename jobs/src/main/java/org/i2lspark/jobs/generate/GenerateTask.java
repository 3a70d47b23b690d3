package org.i2lspark.jobs.generate;

import java.io.IOException;
import java.nio.channels.Channels;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.hadoop.fs.Path;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.ImageToLora;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.generate.PartResult.StyleFailure;
import org.i2lspark.jobs.manifest.Failure;
import org.i2lspark.jobs.manifest.Failure.ErrorClass;
import org.i2lspark.jobs.manifest.FinishedLora;
import org.i2lspark.jobs.manifest.ManifestTable;
import org.i2lspark.jobs.manifest.Rows;
import org.i2lspark.jobs.manifest.Status;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.lora.Lora;

/**
 * Works through the styles of one partition. Three things overlap: reading and decoding the next styles' images, the stack
 * on the current ones, and writing the LoRAs before them.
 */
final class GenerateTask {
    /** Reads and decodes images and writes LoRAs, for all tasks of the process. */
    private static final ExecutorService WORKERS =
            Executors.newFixedThreadPool(Math.max(2, Runtime.getRuntime().availableProcessors()), runnable -> {
                Thread thread = new Thread(runnable, "i2l-worker");
                thread.setDaemon(true);
                return thread;
            });

    private final GenerateOptions options;
    private final String runId;
    private final Storage storage;
    private final Stack stack;
    private final Counters counters;
    private final ImageDecoder decoder;
    private final Path output;
    private final Path inflight;
    private final Rows loraRows = new Rows(ManifestTable.LORAS);
    private final Rows imageRows = new Rows(ManifestTable.IMAGES);
    private final List<StyleFailure> failures = new ArrayList<>();
    private List<CompletableFuture<Runnable>> writes = new ArrayList<>();
    private long done;
    private long skipped;
    private long images;
    private long loraBytes;

    GenerateTask(GenerateOptions options, String runId, Storage storage, Stack stack, Counters counters) {
        this.options = options;
        this.runId = runId;
        this.storage = storage;
        this.stack = stack;
        this.counters = counters;
        this.decoder = new ImageDecoder(options.maxPixels());
        this.output = new Path(options.output());
        this.inflight = inflight(options, runId);
    }

    /** Where a run keeps what is not complete. */
    static Path inflight(GenerateOptions options, String runId) {
        return new Path(new Path(options.output(), "_inflight"), runId);
    }

    /** A style whose images are being read. */
    private record Reading(Style style, List<CompletableFuture<ImageWork>> images) {}

    /** A style whose images are all prepared. */
    private record Ready(Style style, List<ImageWork> images) {}

    PartResult run(int part, List<PlannedStyle> styles) throws IOException {
        Deque<Style> waiting = new ArrayDeque<>(withoutFinished(styles));
        Deque<Reading> reading = new ArrayDeque<>();
        List<Ready> batch = new ArrayList<>();
        int batchImages = 0;
        while (!waiting.isEmpty() || !reading.isEmpty()) {
            readAhead(waiting, reading);
            Optional<Ready> ready = await(reading.remove());
            if (ready.isPresent()) {
                batch.add(ready.get());
                batchImages += ready.get().images.size();
            }
            if (batchImages >= stack.batchSize()) {
                generate(batch);
                batch = new ArrayList<>();
                batchImages = 0;
            }
        }
        generate(batch);
        finishWrites();
        return publish(part);
    }

    /** Sorts out the styles whose LoRA of an earlier run still holds. */
    private List<Style> withoutFinished(List<PlannedStyle> styles) throws IOException {
        Map<PlannedStyle, CompletableFuture<Optional<FinishedLora>>> checks = new LinkedHashMap<>();
        for (PlannedStyle planned : styles) {
            checks.put(
                    planned,
                    planned.finished().isEmpty()
                            ? CompletableFuture.completedFuture(Optional.empty())
                            : CompletableFuture.supplyAsync(() -> stillHolding(planned), WORKERS));
        }
        List<Style> toDo = new ArrayList<>();
        for (Map.Entry<PlannedStyle, CompletableFuture<Optional<FinishedLora>>> check : checks.entrySet()) {
            Style style = check.getKey().style();
            Optional<FinishedLora> finished = check.getValue().join();
            if (finished.isPresent()) {
                skip(style, finished.get());
            } else if (style.images().size() > options.maxImagesPerStyle()) {
                fail(style, List.of(), new Failure(ErrorClass.TOO_MANY_IMAGES, tooManyImages(style)));
            } else {
                toDo.add(style);
            }
        }
        return toDo;
    }

    private String tooManyImages(Style style) {
        int count = style.images().size();
        int rank = DecoderLayout.RANK * count * stack.model().decoders().size();
        return "Cannot merge %d images into one LoRA: its rank would be %d, over the limit of %d images; split the style or raise --max-images-per-style"
                .formatted(count, rank, options.maxImagesPerStyle());
    }

    /** The earlier LoRA that these image bytes, checkpoints and options would give again, if it is still there. */
    private Optional<FinishedLora> stillHolding(PlannedStyle planned) {
        try {
            List<String> hashes = new ArrayList<>();
            for (String uri : planned.style().images()) {
                hashes.add(Fingerprints.sha256(storage.readAll(new Path(uri))));
            }
            String fingerprint = Fingerprints.ofStyle(hashes, stack.model(), options, stack);
            for (FinishedLora finished : planned.finished()) {
                if (finished.fingerprint().equals(fingerprint)) {
                    OptionalLong size = storage.size(loraPath(planned.style(), fingerprint));
                    return size.isPresent() && size.getAsLong() == finished.bytes()
                            ? Optional.of(finished)
                            : Optional.empty();
                }
            }
            return Optional.empty();
        } catch (IOException e) {
            // reading it again will tell what is wrong with it
            return Optional.empty();
        }
    }

    private Path loraPath(Style style, String fingerprint) {
        return new Path(new Path(output, "loras"), Fingerprints.objectKey(style.id(), fingerprint));
    }

    /** Keeps about two batches of images on the way. */
    private void readAhead(Deque<Style> waiting, Deque<Reading> reading) {
        int ahead = reading.stream().mapToInt(style -> style.images.size()).sum();
        while (!waiting.isEmpty() && (reading.isEmpty() || ahead < 2 * stack.batchSize())) {
            Style style = waiting.remove();
            reading.add(new Reading(
                    style,
                    style.images().stream()
                            .map(uri -> CompletableFuture.supplyAsync(() -> prepare(uri), WORKERS))
                            .toList()));
            ahead += style.images().size();
        }
    }

    private ImageWork prepare(String uri) {
        String sha256 = null;
        int width = 0;
        int height = 0;
        try {
            long start = System.nanoTime();
            byte[] bytes = storage.readAll(new Path(uri));
            sha256 = Fingerprints.sha256(bytes);
            long read = System.nanoTime();
            RgbImage image = decoder.decode(bytes);
            width = image.width();
            height = image.height();
            return new ImageWork(
                    uri,
                    sha256,
                    width,
                    height,
                    ImageToLora.prepare(stack.model(), image),
                    null,
                    (read - start) / 1e9,
                    (System.nanoTime() - read) / 1e9);
        } catch (IOException | RuntimeException e) {
            return new ImageWork(uri, sha256, width, height, null, Failure.ofImage(uri, e), 0, 0);
        }
    }

    private Optional<Ready> await(Reading reading) {
        List<ImageWork> works =
                reading.images.stream().map(CompletableFuture::join).toList();
        Optional<Failure> failure = works.stream()
                .filter(work -> work.failure() != null)
                .map(ImageWork::failure)
                .findFirst();
        if (failure.isPresent()) {
            fail(reading.style, works, failure.get());
            return Optional.empty();
        }
        return Optional.of(new Ready(reading.style, works));
    }

    private void generate(List<Ready> batch) throws IOException {
        if (batch.isEmpty()) {
            return;
        }
        List<ImageWork> works =
                batch.stream().flatMap(ready -> ready.images.stream()).toList();
        long start = System.nanoTime();
        List<ImageEmbedding> embeddings = new ArrayList<>();
        for (List<ImageWork> chunk : evenly(works)) {
            embeddings.addAll(
                    stack.embed(chunk.stream().map(ImageWork::prepared).toList()));
        }
        double embedSeconds = (System.nanoTime() - start) / 1e9 / works.size();
        List<List<ImageEmbedding>> byStyle = new ArrayList<>();
        int first = 0;
        for (Ready ready : batch) {
            byStyle.add(embeddings.subList(first, first + ready.images.size()));
            first += ready.images.size();
        }
        start = System.nanoTime();
        List<Lora> loras = decode(byStyle);
        double decodeSeconds = (System.nanoTime() - start) / 1e9 / works.size();
        // the LoRAs before these leave memory first
        finishWrites();
        for (int i = 0; i < batch.size(); i++) {
            Ready ready = batch.get(i);
            List<ImageEmbedding> own = byStyle.get(i);
            Lora lora = loras.get(i);
            Map<String, Double> seconds = new LinkedHashMap<>();
            seconds.put(
                    "read",
                    ready.images.stream().mapToDouble(ImageWork::readSeconds).sum());
            seconds.put(
                    "prepare",
                    ready.images.stream().mapToDouble(ImageWork::prepareSeconds).sum());
            seconds.put("embed", embedSeconds * own.size());
            seconds.put("decode", decodeSeconds * own.size());
            writes.add(CompletableFuture.supplyAsync(() -> write(ready, own, lora, seconds), WORKERS));
        }
    }

    /** Decodes styles of about a batch of images at once, for the factors of an image are large. */
    private List<Lora> decode(List<List<ImageEmbedding>> styles) throws IOException {
        List<Lora> loras = new ArrayList<>();
        int first = 0;
        while (first < styles.size()) {
            int end = first + 1;
            int size = styles.get(first).size();
            while (end < styles.size() && size + styles.get(end).size() <= stack.batchSize()) {
                size += styles.get(end).size();
                end++;
            }
            loras.addAll(stack.decode(styles.subList(first, end), LoraExport.decodedType(options)));
            first = end;
        }
        return loras;
    }

    /** Chunks of at most a batch, all of about the same size. */
    private List<List<ImageWork>> evenly(List<ImageWork> works) {
        int chunks = (works.size() + stack.batchSize() - 1) / stack.batchSize();
        List<List<ImageWork>> evenly = new ArrayList<>();
        for (int i = 0; i < chunks; i++) {
            evenly.add(works.subList(works.size() * i / chunks, works.size() * (i + 1) / chunks));
        }
        return evenly;
    }

    /** Runs on a worker, so what it found is added to the rows later, by the task's thread. */
    private Runnable write(Ready ready, List<ImageEmbedding> embeddings, Lora lora, Map<String, Double> seconds) {
        try (lora) {
            long start = System.nanoTime();
            List<String> hashes = ready.images.stream().map(ImageWork::sha256).toList();
            String fingerprint = Fingerprints.ofStyle(hashes, stack.model(), options, stack);
            Path path = loraPath(ready.style, fingerprint);
            LoraExport export = new LoraExport(lora, options, hashes, stack.model());
            MessageDigest digest = Fingerprints.sha256();
            storage.write(
                    path, inflight, out -> export.write(Channels.newChannel(new DigestOutputStream(out, digest))));
            long bytes = storage.size(path)
                    .orElseThrow(() -> new IOException("Cannot find %s after writing it".formatted(path)));
            seconds.put("write", (System.nanoTime() - start) / 1e9);
            FinishedLora finished = new FinishedLora(
                    fingerprint,
                    storage.qualify(path).toString(),
                    bytes,
                    HexFormat.of().formatHex(digest.digest()),
                    export.rank(),
                    export.reductionError());
            return () -> succeed(ready, embeddings, finished, seconds);
        } catch (IOException | RuntimeException e) {
            return () -> fail(ready.style, ready.images, Failure.ofOutput(e));
        }
    }

    private void finishWrites() {
        writes.forEach(write -> write.join().run());
        writes = new ArrayList<>();
    }

    private void succeed(
            Ready ready, List<ImageEmbedding> embeddings, FinishedLora finished, Map<String, Double> seconds) {
        done++;
        images += embeddings.size();
        counters.addStyle(embeddings.size());
        counters.embedded().add((long) embeddings.size());
        loraBytes += finished.bytes();
        loraRows.add(row -> {
            fillStyle(row, ready.style, Status.DONE);
            fillLora(row, finished);
            row.floats("style_embedding", mean(embeddings)).decimalMap("seconds", seconds);
        });
        for (int i = 0; i < embeddings.size(); i++) {
            ImageEmbedding embedding = embeddings.get(i);
            addImageRow(ready.style, i, ready.images.get(i), Status.DONE, embedding);
        }
    }

    private void skip(Style style, FinishedLora finished) {
        skipped++;
        counters.addStyle(style.images().size());
        loraRows.add(row -> {
            fillStyle(row, style, Status.SKIPPED);
            fillLora(row, finished);
        });
    }

    private void fail(Style style, List<ImageWork> works, Failure failure) {
        failures.add(new StyleFailure(style.id(), failure));
        counters.addStyle(style.images().size());
        counters.failed().add(1L);
        loraRows.add(row -> {
            fillStyle(row, style, Status.FAILED);
            row.text("error_class", failure.errorClass().id()).text("error_message", failure.message());
        });
        for (int i = 0; i < works.size(); i++) {
            ImageWork work = works.get(i);
            addImageRow(style, i, work, work.failure() == null ? Status.SKIPPED : Status.FAILED, null);
        }
    }

    private void fillStyle(Rows.Row row, Style style, Status status) {
        row.text("run_id", runId)
                .text("style_id", style.id())
                .text("brand", style.brand())
                .text("status", status.id())
                .text("key_format", GenerateOptions.lower(options.keyFormat()))
                .text("dtype", GenerateOptions.lower(options.loraType()))
                .texts("variants", List.of(options.variantText().split(",")))
                .integer("image_count", style.images().size())
                .textMap("checkpoints", Fingerprints.checkpoints(stack.model()))
                .time("created_at", Instant.now());
    }

    private static void fillLora(Rows.Row row, FinishedLora lora) {
        row.text("fingerprint", lora.fingerprint())
                .text("lora_uri", lora.uri())
                .number("bytes", lora.bytes())
                .text("sha256", lora.sha256())
                .integer("rank", lora.rank())
                .decimal("reduction_error", lora.reductionError());
    }

    private void addImageRow(Style style, int position, ImageWork work, Status status, ImageEmbedding embedding) {
        Failure failure = work.failure();
        boolean decoded = work.width() > 0;
        imageRows.add(row -> row.text("run_id", runId)
                .text("style_id", style.id())
                .integer("position", position)
                .text("uri", work.uri())
                .text("sha256", work.sha256())
                .integer("width", decoded ? work.width() : null)
                .integer("height", decoded ? work.height() : null)
                .text("status", status.id())
                .text(
                        "error_class",
                        failure == null ? null : failure.errorClass().id())
                .text("error_message", failure == null ? null : failure.message())
                .floats("siglip2", embedding == null ? null : embedding.siglip2())
                .floats("dinov3", embedding == null ? null : embedding.dinov3()));
    }

    /** The mean over a style's images of both embeddings, one after the other. */
    private static float[] mean(List<ImageEmbedding> embeddings) {
        double[] sum = new double[embeddings.get(0).style().length];
        for (ImageEmbedding embedding : embeddings) {
            float[] style = embedding.style();
            for (int i = 0; i < sum.length; i++) {
                sum[i] += style[i];
            }
        }
        float[] mean = new float[sum.length];
        for (int i = 0; i < sum.length; i++) {
            mean[i] = (float) (sum[i] / embeddings.size());
        }
        return mean;
    }

    private PartResult publish(int part) throws IOException {
        String lorasFile = write(loraRows);
        String imagesFile = imageRows.isEmpty() ? null : write(imageRows);
        return new PartResult(part, done, skipped, images, loraBytes, List.copyOf(failures), lorasFile, imagesFile);
    }

    private String write(Rows rows) throws IOException {
        Path file = new Path(inflight, UUID.randomUUID() + ".parquet");
        byte[] parquet = rows.toParquet();
        storage.write(file, inflight, out -> out.write(parquet));
        return file.toString();
    }
}
