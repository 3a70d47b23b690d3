package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.jobs.worker.StackPipeline.Step;
import org.i2lspark.jobs.worker.StyleJob.MadeLora;
import org.i2lspark.jobs.worker.StyleJob.WaitingImage;
import org.i2lspark.lora.Lora;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Works on a stack for a pipeline: encodes, decodes, or both. */
final class ComputeThread extends Thread {
    private static final Logger LOG = LoggerFactory.getLogger(ComputeThread.class);

    private final BatchStack stack;
    private final StackPipeline pipeline;
    private final Set<Step> steps;
    private final BatchRunner runner;
    /** How long the last chunk of images took, in nanoseconds. */
    private long lastChunk;

    private ComputeThread(BatchStack stack, StackPipeline pipeline, Set<Step> steps) {
        super("i2l-"
                + steps.stream()
                        .map(Step::name)
                        .collect(Collectors.joining("-"))
                        .toLowerCase(Locale.ROOT));
        this.stack = stack;
        this.pipeline = pipeline;
        this.steps = steps;
        this.runner = new BatchRunner(stack);
        setDaemon(true);
    }

    /** Starts the threads that a stack can keep busy: two where encoders and decoders may run at once, else one. */
    static void startFor(BatchStack stack, StackPipeline pipeline) {
        if (stack.overlaps()) {
            new ComputeThread(stack, pipeline, EnumSet.of(Step.ENCODE)).start();
            new ComputeThread(stack, pipeline, EnumSet.of(Step.DECODE)).start();
        } else {
            new ComputeThread(stack, pipeline, EnumSet.allOf(Step.class)).start();
        }
    }

    @Override
    public void run() {
        takeStream();
        try {
            while (pipeline.awaitWork(steps)) {
                if (!loads()) {
                    continue;
                }
                if (steps.contains(Step.DECODE)) {
                    decodeAll();
                }
                if (steps.contains(Step.ENCODE)) {
                    encodeChunk();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void takeStream() {
        try {
            stack.takeStream();
        } catch (RuntimeException e) {
            LOG.warn("Cannot take a stream of its own; encoders and decoders take turns", e);
        }
    }

    /** Before a batch is taken: while the weights are loaded, more images come. */
    private boolean loads() {
        try {
            stack.load();
            return true;
        } catch (RuntimeException e) {
            // the batch will meet it too, and find out whose fault it is
            return true;
        } catch (Throwable e) {
            pipeline.breakOffWaiting(e);
            return false;
        }
    }

    /** Goes on until a chunk is done or no more images wait. */
    private void encodeChunk() throws InterruptedException {
        List<WaitingImage> batch = pipeline.nextImages(stack.batchSize(), stack.chunk(), lastChunk);
        long start = System.nanoTime();
        int done = 0;
        while (!batch.isEmpty()) {
            encode(batch);
            done += batch.size();
            batch = pipeline.nextImages(Math.min(stack.batchSize(), stack.chunk() - done), 0, 0);
        }
        lastChunk = System.nanoTime() - start;
    }

    private void decodeAll() {
        List<StyleJob> batch = pipeline.nextStyles(stack);
        while (!batch.isEmpty()) {
            decode(batch);
            batch = pipeline.nextStyles(stack);
        }
    }

    private void encode(List<WaitingImage> batch) {
        try {
            runner.run(batch, WaitingImage::job, this::encodeTogether);
        } finally {
            pipeline.releaseCrops(batch.size());
        }
    }

    private void encodeTogether(List<WaitingImage> batch) throws IOException {
        long start = System.nanoTime();
        List<ImageEmbedding> embeddings = stack.embed(
                batch.stream().map(WaitingImage::image).toList(),
                batch.get(0).job().feed().listener()::halved);
        double seconds = (System.nanoTime() - start) / 1e9;
        batch.forEach(
                image -> image.job().feed().listener().embedded(image.job().style()));
        pipeline.embedded(batch, embeddings, seconds / batch.size());
    }

    private void decode(List<StyleJob> batch) {
        Set<StyleJob> made = new HashSet<>();
        try {
            runner.run(batch, style -> style, styles -> {
                decodeTogether(styles);
                made.addAll(styles);
            });
        } finally {
            batch.stream().filter(style -> !made.contains(style)).forEach(this::releaseLora);
        }
    }

    private void decodeTogether(List<StyleJob> batch) throws IOException {
        long start = System.nanoTime();
        TaskFeed feed = batch.get(0).feed();
        List<Lora> loras =
                stack.decode(batch.stream().map(StyleJob::embeddings).toList(), feed.form(), feed.listener()::halved);
        double seconds = (System.nanoTime() - start) / 1e9;
        int images = batch.stream().mapToInt(StyleJob::images).sum();
        for (int i = 0; i < batch.size(); i++) {
            StyleJob style = batch.get(i);
            style.made(new MadeLora(
                    style.embeddings(),
                    loras.get(i),
                    style.embedSeconds(),
                    seconds * style.images() / images,
                    () -> releaseLora(style)));
        }
    }

    private void releaseLora(StyleJob style) {
        pipeline.releaseLora(stack.loraBytes(style.images(), style.feed().form()));
    }
}
