package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.apache.hadoop.fs.Path;
import org.i2lspark.ImageRequest;
import org.i2lspark.image.PngFile;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.PreviewOutput;
import org.i2lspark.jobs.output.PreviewOutput.StoredPreview;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.PictureTexts.UsedLora;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.lora.WeightedLora;

/**
 * Makes the previews of one partition: of so many styles at a time as make a batch, one prompt after the other. While a batch is
 * made, the one before is written.
 */
public final class PreviewTask {
    private final PreviewAssignment assignment;
    private final Storage storage;
    private final PictureStack stack;
    private final OutputLayout layout;
    private final PreviewOutput output;
    private final PreviewLedger ledger;
    private final Counters counters;
    private List<Writing> writing = List.of();

    /** A preview on its way into the output, and what it comes to there. */
    private record Writing(WantedPreview wanted, double seconds, CompletableFuture<StoredPreview> stored) {}

    public PreviewTask(PreviewAssignment assignment, Storage storage, SharedPictureStacks stacks, Counters counters) {
        this(assignment, storage, stacks.stack(), counters);
    }

    PreviewTask(PreviewAssignment assignment, Storage storage, PictureStack stack, Counters counters) {
        this.assignment = assignment;
        this.storage = storage;
        this.stack = stack;
        this.layout = new OutputLayout(assignment.output());
        this.output = new PreviewOutput(storage, layout, assignment.runId());
        this.ledger = new PreviewLedger(assignment, storage, counters);
        this.counters = counters;
    }

    /**
     * Makes the previews of some styles.
     *
     * @throws IOException if the executor cannot go on, or the task was cancelled
     */
    public PreviewResult run(int part, Iterator<PreviewStyle> styles) throws IOException {
        List<PreviewStyle> batch = new ArrayList<>();
        while (styles.hasNext()) {
            batch.add(styles.next());
            if (batch.size() == assignment.order().stack().batchSize() || !styles.hasNext()) {
                make(batch);
                counters.styles().add((long) batch.size());
                batch.clear();
            }
        }
        awaitWritten();
        return ledger.stage(part);
    }

    private void make(List<PreviewStyle> styles) throws IOException {
        List<List<WantedPreview>> missing = new ArrayList<>();
        for (String prompt : assignment.spec().prompts()) {
            missing.add(missing(styles, prompt));
        }
        if (missing.stream().allMatch(List::isEmpty)) {
            return;
        }
        stack.load();
        try (OpenLoras loras = new OpenLoras()) {
            for (List<WantedPreview> ofPrompt : missing) {
                Cancellation.check();
                List<WantedPreview> readable = new ArrayList<>();
                for (WantedPreview wanted : ofPrompt) {
                    Optional<Failure> failure = loras.open(wanted.style());
                    if (failure.isPresent()) {
                        ledger.failed(wanted, failure.get());
                    } else {
                        readable.add(wanted);
                    }
                }
                if (!readable.isEmpty()) {
                    make(readable, loras);
                }
            }
        }
    }

    /** Those of a prompt that are not there yet. */
    private List<WantedPreview> missing(List<PreviewStyle> styles, String prompt) {
        List<WantedPreview> missing = new ArrayList<>();
        for (PreviewStyle style : styles) {
            WantedPreview wanted = new WantedPreview(style, prompt, assignment.fingerprint(style, prompt));
            Optional<StoredPreview> there = output.settled(style.id(), prompt, wanted.fingerprint());
            there.ifPresentOrElse(preview -> ledger.skipped(wanted, preview), () -> missing.add(wanted));
        }
        return missing;
    }

    /** All at once; if that fails, one after the other, so that one that is at fault costs itself only. */
    private void make(List<WantedPreview> wanted, OpenLoras loras) throws IOException {
        long start = System.nanoTime();
        List<RgbImage> images;
        try {
            images = stack.make(
                    wanted.stream().map(one -> request(one, loras)).toList(),
                    assignment.spec().picture(),
                    (done, steps) -> {});
        } catch (IOException | RuntimeException e) {
            Cancellation.check();
            makeApart(wanted, loras, e);
            return;
        }
        write(wanted, images, (System.nanoTime() - start) / 1e9 / wanted.size());
    }

    private ImageRequest request(WantedPreview wanted, OpenLoras loras) {
        return new ImageRequest(
                wanted.prompt(),
                Optional.of(assignment.spec().negativePrompt()),
                assignment.spec().seed(),
                loras.of(wanted.style()));
    }

    private void makeApart(List<WantedPreview> wanted, OpenLoras loras, Exception cause) throws IOException {
        if (wanted.size() > 1) {
            for (WantedPreview one : wanted) {
                make(List.of(one), loras);
            }
            return;
        }
        requireWorkingStack(wanted.get(0), loras, cause);
        // the weights were loaded before, so what cannot be read is the LoRA
        Failure failure = cause instanceof IOException ? Failure.ofReadingLora(cause) : Failure.ofLora(cause);
        ledger.failed(wanted.get(0), failure);
    }

    /** A picture that fails alone is at fault only if one without its LoRA can be made. */
    private void requireWorkingStack(WantedPreview failed, OpenLoras loras, Exception cause) throws IOException {
        WantedPreview plain = new WantedPreview(PreviewStyle.NONE, failed.prompt(), failed.fingerprint());
        try {
            stack.make(List.of(request(plain, loras)), assignment.spec().picture(), (done, steps) -> {});
        } catch (IOException | RuntimeException e) {
            e.addSuppressed(cause);
            throw new IOException(
                    "Cannot make pictures on this executor, one without a style's LoRA neither: %s; see the device and its memory there"
                            .formatted(Problems.describe(e)),
                    e);
        }
    }

    private void write(List<WantedPreview> wanted, List<RgbImage> images, double seconds) throws IOException {
        awaitWritten();
        List<Writing> next = new ArrayList<>();
        for (int i = 0; i < wanted.size(); i++) {
            WantedPreview one = wanted.get(i);
            RgbImage image = images.get(i);
            next.add(new Writing(
                    one, seconds, CompletableFuture.supplyAsync(() -> publish(one, image), Workers.WRITERS)));
        }
        writing = next;
    }

    private StoredPreview publish(WantedPreview wanted, RgbImage image) {
        Map<String, String> texts = PictureTexts.of(
                wanted.prompt(),
                assignment.spec().negativePrompt(),
                assignment.spec().seed(),
                assignment.spec().picture(),
                used(wanted.style()));
        texts.put(PreviewOutput.FINGERPRINT, wanted.fingerprint());
        try {
            return output.publish(
                    wanted.style().id(), wanted.prompt(), wanted.fingerprint(), PngFile.encode(image, texts));
        } catch (IOException e) {
            throw new CompletionException(e);
        }
    }

    private List<UsedLora> used(PreviewStyle style) {
        List<UsedLora> used = new ArrayList<>();
        assignment
                .spec()
                .distilledLora()
                .ifPresent(path -> used.add(
                        new UsedLora(PictureTexts.name(path), assignment.order().distilledSha256(), 1)));
        if (style.hasLora()) {
            used.add(new UsedLora(
                    PictureTexts.name(style.loraPath()),
                    style.loraSha256(),
                    assignment.spec().strength()));
        }
        return used;
    }

    private void awaitWritten() throws IOException {
        for (Writing one : writing) {
            try {
                ledger.done(one.wanted(), one.stored().join(), one.seconds());
            } catch (CompletionException e) {
                ledger.failed(one.wanted(), Failure.ofLora(e.getCause()));
            }
        }
        writing = List.of();
        Cancellation.check();
    }

    /** The LoRAs of a batch, each opened once. */
    private final class OpenLoras implements AutoCloseable {
        private final Map<PreviewStyle, LoraFile> files = new HashMap<>();
        private final Map<PreviewStyle, Failure> failures = new HashMap<>();
        private LoraFile distilled;

        OpenLoras() throws IOException {
            Optional<String> path = assignment.spec().distilledLora();
            if (path.isPresent()) {
                distilled = StoredLoras.open(storage, new Path(path.get()), path.get());
            }
        }

        /** Opens the LoRA of a style, if there is one. */
        Optional<Failure> open(PreviewStyle style) {
            if (style.hasLora() && !files.containsKey(style) && !failures.containsKey(style)) {
                try {
                    Path path = new Path(layout.output(), style.loraPath());
                    files.put(style, StoredLoras.open(storage, path, style.loraPath()));
                } catch (IOException e) {
                    failures.put(style, Failure.ofReadingLora(e));
                }
            }
            return Optional.ofNullable(failures.get(style));
        }

        List<WeightedLora> of(PreviewStyle style) {
            List<WeightedLora> loras = new ArrayList<>();
            if (distilled != null) {
                loras.add(new WeightedLora(assignment.spec().distilled(), distilled, 1));
            }
            if (style.hasLora()) {
                loras.add(new WeightedLora(
                        style.loraPath(), files.get(style), assignment.spec().strength()));
            }
            return loras;
        }

        @Override
        public void close() throws IOException {
            List<LoraFile> all = new ArrayList<>(files.values());
            if (distilled != null) {
                all.add(distilled);
            }
            for (LoraFile file : all) {
                file.close();
            }
        }
    }
}
