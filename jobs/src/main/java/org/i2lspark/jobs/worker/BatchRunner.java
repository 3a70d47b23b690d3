package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.worker.StyleReader.ReadStyle;
import org.i2lspark.lora.Lora;
import org.i2lspark.torch.ElementType;

/** Runs the stack on batches of styles, and finds the styles that it cannot do. */
final class BatchRunner {
    private final BatchStack stack;
    private final ElementType loraType;
    private final Results results;

    /** Takes what becomes of styles. */
    interface Results {
        /** An image of a style went through the encoders; it may do so again, in another batch. */
        void embedded(ReadStyle style);

        /** A style was decoded; its LoRA belongs to the results from now on, which close it. */
        void made(MadeLora lora);

        /** The stack works, but not on this style. */
        void failed(ReadStyle style, Failure failure);

        /** Batches did not fit into memory and were halved. */
        void halved(int times);

        /** Before the LoRAs of a batch come: those before them leave memory. */
        void makeRoom() throws IOException;
    }

    /** A style's LoRA, not yet written. */
    record MadeLora(ReadStyle style, List<ImageEmbedding> embeddings, Lora lora, Map<String, Double> seconds)
            implements AutoCloseable {
        @Override
        public void close() {
            lora.close();
        }
    }

    BatchRunner(BatchStack stack, ElementType loraType, Results results) {
        this.stack = stack;
        this.loraType = loraType;
        this.results = results;
    }

    /**
     * Works on a batch.
     *
     * @throws IOException if the stack works no more, whatever it is given; or if the weights cannot be loaded
     */
    void run(List<ReadStyle> batch) throws IOException {
        if (batch.isEmpty()) {
            return;
        }
        try {
            runTogether(batch);
        } catch (RuntimeException e) {
            runApart(batch, e);
        }
    }

    /** A style that fails alone is at fault only if the stack then still works. */
    private void runApart(List<ReadStyle> batch, RuntimeException cause) throws IOException {
        Map<ReadStyle, RuntimeException> failed = new LinkedHashMap<>();
        if (batch.size() == 1) {
            failed.put(batch.get(0), cause);
        } else {
            for (ReadStyle style : batch) {
                Cancellation.check();
                try {
                    runTogether(List.of(style));
                } catch (RuntimeException e) {
                    failed.put(style, e);
                }
            }
        }
        if (!failed.isEmpty()) {
            requireWorkingStack(failed.values().iterator().next());
        }
        failed.forEach((style, problem) -> results.failed(style, Failure.ofLora(problem)));
    }

    private void requireWorkingStack(RuntimeException cause) throws IOException {
        try {
            stack.probe();
        } catch (RuntimeException e) {
            IOException broken = new IOException(
                    "The stack fails on every image on this executor, a plain grey one too: %s; see the device and its memory there (--batch-size and --precision bfloat16 take less)"
                            .formatted(Problems.describe(e)),
                    e);
            broken.addSuppressed(cause);
            throw broken;
        }
    }

    private void runTogether(List<ReadStyle> batch) throws IOException {
        IntConsumer halved = results::halved;
        List<ImageWork> works =
                batch.stream().flatMap(style -> style.images().stream()).toList();
        Iterator<ReadStyle> styles = batch.stream()
                .flatMap(style -> Collections.nCopies(style.images().size(), style).stream())
                .iterator();
        long start = System.nanoTime();
        List<ImageEmbedding> embeddings = new ArrayList<>();
        for (List<ImageWork> chunk : evenly(works)) {
            Cancellation.check();
            embeddings.addAll(
                    stack.embed(chunk.stream().map(ImageWork::prepared).toList(), halved));
            chunk.forEach(image -> results.embedded(styles.next()));
        }
        double embedSeconds = (System.nanoTime() - start) / 1e9 / works.size();
        List<List<ImageEmbedding>> byStyle = new ArrayList<>();
        int first = 0;
        for (ReadStyle style : batch) {
            byStyle.add(embeddings.subList(first, first + style.images().size()));
            first += style.images().size();
        }
        start = System.nanoTime();
        List<Lora> loras = decode(byStyle, halved);
        double decodeSeconds = (System.nanoTime() - start) / 1e9 / works.size();
        makeRoomFor(loras);
        for (int i = 0; i < batch.size(); i++) {
            ReadStyle style = batch.get(i);
            Map<String, Double> seconds = style.seconds();
            seconds.put("embed", embedSeconds * style.images().size());
            seconds.put("decode", decodeSeconds * style.images().size());
            results.made(new MadeLora(style, byStyle.get(i), loras.get(i), seconds));
        }
    }

    private void makeRoomFor(List<Lora> loras) throws IOException {
        try {
            Cancellation.check();
            results.makeRoom();
        } catch (Throwable e) {
            loras.forEach(Lora::close);
            throw e;
        }
    }

    /** Decodes styles of about a batch of images at once, for the factors of an image are large. */
    private List<Lora> decode(List<List<ImageEmbedding>> styles, IntConsumer halved) throws IOException {
        List<Lora> loras = new ArrayList<>();
        try {
            int first = 0;
            while (first < styles.size()) {
                Cancellation.check();
                int end = first + 1;
                int size = styles.get(first).size();
                while (end < styles.size() && size + styles.get(end).size() <= stack.batchSize()) {
                    size += styles.get(end).size();
                    end++;
                }
                loras.addAll(stack.decode(styles.subList(first, end), loraType, halved));
                first = end;
            }
            return loras;
        } catch (Throwable e) {
            loras.forEach(Lora::close);
            throw e;
        }
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
}
