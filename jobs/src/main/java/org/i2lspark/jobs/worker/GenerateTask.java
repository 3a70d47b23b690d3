package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.nio.channels.Channels;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.hadoop.fs.Path;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.i2lspark.jobs.output.Failure.Kind;
import org.i2lspark.jobs.output.FinishedLora;
import org.i2lspark.jobs.output.ImageFacts;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.Receipt;
import org.i2lspark.jobs.output.Rows;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.storage.Storage.Stored;
import org.i2lspark.jobs.worker.StyleReader.ReadStyle;
import org.i2lspark.lora.Lora;
import org.i2lspark.torch.Torch;

/**
 * Works through the styles of one partition. Three things overlap: reading and decoding the next styles' images, the stack
 * on the current ones, and writing the LoRAs before them.
 */
public final class GenerateTask {
    /** Reads and decodes images and writes LoRAs, for all tasks of the process. */
    private static final ExecutorService WORKERS =
            Executors.newFixedThreadPool(Math.max(2, Runtime.getRuntime().availableProcessors()), runnable -> {
                Thread thread = new Thread(runnable, "i2l-worker");
                thread.setDaemon(true);
                return thread;
            });

    private final GenerateOptions options;
    private final String runId;
    private final OutputLayout layout;
    private final Path scratch;
    private final Storage storage;
    private final Stack stack;
    private final Counters counters;
    private final StyleReader reader;
    private final StyleRows rows;
    private final PartResult.Tally tally = new PartResult.Tally();
    private List<CompletableFuture<Runnable>> writes = new ArrayList<>();

    public GenerateTask(GenerateOptions options, String runId, Storage storage, Stack stack, Counters counters) {
        this.options = options;
        this.runId = runId;
        this.layout = new OutputLayout(options.output());
        this.scratch = layout.run(runId);
        this.storage = storage;
        this.stack = stack;
        this.counters = counters;
        this.reader = new StyleReader(options, storage, stack, WORKERS);
        this.rows = new StyleRows(options, runId, stack.model());
    }

    public PartResult run(int part, Iterator<Style> styles) throws IOException {
        Deque<CompletableFuture<ReadStyle>> reading = new ArrayDeque<>();
        List<ReadStyle> batch = new ArrayList<>();
        int ahead = 0;
        int batchImages = 0;
        while (styles.hasNext() || !reading.isEmpty()) {
            // keeps about two batches of images on the way
            while (styles.hasNext() && (reading.isEmpty() || ahead < 2 * stack.batchSize())) {
                Style style = styles.next();
                if (style.images().size() > options.maxImagesPerStyle()) {
                    fail(style, new Failure(ErrorClass.TOO_MANY_IMAGES, tooManyImages(style)), List.of());
                } else {
                    reading.add(reader.read(style));
                    ahead += style.images().size();
                }
            }
            if (reading.isEmpty()) {
                continue;
            }
            ReadStyle read = reading.remove().join();
            ahead -= read.images().size();
            if (needsWork(read)) {
                batch.add(read);
                batchImages += read.images().size();
            }
            if (batchImages >= stack.batchSize()) {
                generate(batch);
                batch = new ArrayList<>();
                batchImages = 0;
            }
        }
        generate(batch);
        finishWrites();
        return stage(part);
    }

    private String tooManyImages(Style style) {
        int count = style.images().size();
        int rank = DecoderLayout.RANK * count * stack.model().decoders().size();
        return "Cannot merge %d images into one LoRA: its rank would be %d, over the limit of %d images; split the style or raise --max-images-per-style"
                .formatted(count, rank, options.maxImagesPerStyle());
    }

    /** Settles styles that have a LoRA, that failed before, or whose images cannot be used. */
    private boolean needsWork(ReadStyle read) {
        Optional<Receipt> receipt = read.receipt();
        boolean ownOfThisRun = receipt.isPresent() && receipt.get().runId().equals(runId);
        if (receipt.isPresent() && receipt.get().lora() != null) {
            if (ownOfThisRun) {
                // by an attempt at this partition that was lost
                succeed(read.style(), receipt.get().lora(), receipt.get().images(), null);
            } else {
                skip(read.style(), receipt.get());
            }
            return false;
        }
        if (receipt.isPresent()) {
            tally.failedBefore += ownOfThisRun ? 0 : 1;
            fail(read.style(), receipt.get().failure(), receipt.get().images());
            return false;
        }
        if (read.failure().isPresent()) {
            failAndRemember(read, read.failure().get());
            return false;
        }
        return true;
    }

    private void generate(List<ReadStyle> batch) throws IOException {
        if (batch.isEmpty()) {
            return;
        }
        try {
            generateTogether(batch);
        } catch (RuntimeException e) {
            generateApart(batch, e);
        }
    }

    /** Finds the styles of a batch that the stack cannot do. If it can do none, it is the stack that is broken. */
    private void generateApart(List<ReadStyle> batch, RuntimeException cause) throws IOException {
        Map<ReadStyle, RuntimeException> failed = new LinkedHashMap<>();
        for (ReadStyle style : batch) {
            try {
                generateTogether(List.of(style));
            } catch (RuntimeException e) {
                failed.put(style, e);
            }
        }
        if (failed.size() == batch.size() && !Torch.isOutOfMemory(cause)) {
            throw cause;
        }
        failed.forEach((style, problem) -> failAndRemember(style, Failure.ofLora(problem)));
    }

    private void generateTogether(List<ReadStyle> batch) throws IOException {
        List<ImageWork> works =
                batch.stream().flatMap(style -> style.images().stream()).toList();
        long start = System.nanoTime();
        List<ImageEmbedding> embeddings = new ArrayList<>();
        for (List<ImageWork> chunk : evenly(works)) {
            embeddings.addAll(
                    stack.embed(chunk.stream().map(ImageWork::prepared).toList()));
        }
        double embedSeconds = (System.nanoTime() - start) / 1e9 / works.size();
        List<List<ImageEmbedding>> byStyle = new ArrayList<>();
        int first = 0;
        for (ReadStyle style : batch) {
            byStyle.add(embeddings.subList(first, first + style.images().size()));
            first += style.images().size();
        }
        start = System.nanoTime();
        List<Lora> loras = decode(byStyle);
        double decodeSeconds = (System.nanoTime() - start) / 1e9 / works.size();
        // the LoRAs before these leave memory first
        finishWrites();
        for (int i = 0; i < batch.size(); i++) {
            ReadStyle style = batch.get(i);
            List<ImageEmbedding> own = byStyle.get(i);
            Lora lora = loras.get(i);
            Map<String, Double> seconds = new LinkedHashMap<>();
            seconds.put(
                    "read",
                    style.images().stream().mapToDouble(ImageWork::readSeconds).sum());
            seconds.put(
                    "prepare",
                    style.images().stream()
                            .mapToDouble(ImageWork::prepareSeconds)
                            .sum());
            seconds.put("embed", embedSeconds * own.size());
            seconds.put("decode", decodeSeconds * own.size());
            writes.add(CompletableFuture.supplyAsync(() -> write(style, own, lora, seconds), WORKERS));
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
    private Runnable write(ReadStyle read, List<ImageEmbedding> embeddings, Lora lora, Map<String, Double> seconds) {
        List<ImageFacts> facts = new ArrayList<>();
        for (int i = 0; i < embeddings.size(); i++) {
            ImageWork image = read.images().get(i);
            facts.add(new ImageFacts(
                    image.sha256(),
                    image.width(),
                    image.height(),
                    null,
                    embeddings.get(i).siglip2(),
                    embeddings.get(i).dinov3()));
        }
        try (lora) {
            long start = System.nanoTime();
            List<String> hashes = read.images().stream().map(ImageWork::sha256).toList();
            LoraExport export = new LoraExport(lora, options, hashes, stack.model());
            Path path = layout.lora(read.style().id(), read.fingerprint());
            Stored stored = storage.createOnce(path, scratch, out -> export.write(Channels.newChannel(out)));
            FinishedLora finished = new FinishedLora(
                    read.fingerprint(),
                    storage.qualify(path).toString(),
                    stored.bytes(),
                    stored.sha256(),
                    export.rank(),
                    export.reductionError());
            seconds.put("write", (System.nanoTime() - start) / 1e9);
            Receipt receipt = new Receipt(runId, finished, null, options.limits(), facts);
            keep(read, receipt);
            return stored.created()
                    ? () -> succeed(read.style(), finished, facts, seconds)
                    : () -> skip(read.style(), receipt);
        } catch (IOException | RuntimeException e) {
            return () -> failAndRemember(read, Failure.ofLora(e));
        }
    }

    /** The LoRA or the failure counts also when this fails; it is only found out again. */
    private void keep(ReadStyle read, Receipt receipt) {
        try {
            storage.replace(layout.receipt(read.style().id(), read.fingerprint()), scratch, receipt.toJson());
        } catch (IOException e) {
            tally.receiptsLost.incrementAndGet();
        }
    }

    private void finishWrites() {
        writes.forEach(write -> write.join().run());
        writes = new ArrayList<>();
    }

    private void succeed(Style style, FinishedLora finished, List<ImageFacts> facts, Map<String, Double> seconds) {
        tally.done++;
        tally.images += facts.size();
        tally.loraBytes += finished.bytes();
        counters.addStyle(facts.size());
        counters.embedded().add((long) facts.size());
        rows.addDone(style, finished, facts, seconds);
    }

    private void skip(Style style, Receipt receipt) {
        tally.skipped++;
        counters.addStyle(style.images().size());
        rows.addSkipped(style, receipt.lora(), receipt.images());
    }

    /** An image stays what it is; a store, a device or an environment that fails today need not fail tomorrow. */
    private void failAndRemember(ReadStyle read, Failure failure) {
        List<ImageFacts> facts = StyleReader.facts(read.images());
        if (read.fingerprint() != null && failure.errorClass().kind() == Kind.IMAGE) {
            keep(read, new Receipt(runId, null, failure, options.limits(), facts));
        }
        fail(read.style(), failure, facts);
    }

    private void fail(Style style, Failure failure, List<ImageFacts> facts) {
        tally.addFailure(style.id(), failure);
        counters.addStyle(style.images().size());
        counters.failed().add(1L);
        rows.addFailed(style, failure, facts);
    }

    /** Writes the rows down for the driver, which takes those of one attempt at each partition. */
    private PartResult stage(int part) throws IOException {
        return tally.toResult(part, stage(part, rows.loras()), stage(part, rows.images()));
    }

    private String stage(int part, Rows table) throws IOException {
        Path file = new Path(scratch, "rows/%s-%05d-%s.parquet".formatted(table.name(), part, UUID.randomUUID()));
        byte[] parquet = table.toParquet();
        storage.replace(file, scratch, parquet);
        tally.stagedBytes += parquet.length;
        return file.toString();
    }
}
