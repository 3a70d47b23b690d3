package org.i2lspark.jobs.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.PreparedImage;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.i2lspark.jobs.worker.StyleJob.MadeLora;
import org.i2lspark.jobs.worker.StyleJob.WaitingImage;
import org.i2lspark.lora.FactorPlaces;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.lora.Lora;
import org.i2lspark.torch.DeviceMemoryException;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class StackPipelineTest {
    private static final LoraForm FORM = new LoraForm(ElementType.FLOAT32, KeyFormat.COMFYUI, 0);
    private static final int BATCH = 4;

    private final FakeStack stack = new FakeStack();
    private final Told told = new Told();
    private final StackPipeline pipeline =
            new StackPipeline(1 << 10, new ByteBudget(100 << 10), new ByteBudget(100 << 10));
    private final TaskFeed feed = pipeline.feed(FORM, told);

    /** Fails on styles of so many images, and on everything once it is broken. A LoRA takes a kilobyte an image. */
    private static final class FakeStack implements BatchStack {
        private final Semaphore loaded = new Semaphore(0);
        private final List<Integer> batches = Collections.synchronizedList(new ArrayList<>());
        private final List<TensorScope> scopes = Collections.synchronizedList(new ArrayList<>());
        private final CountDownLatch closed = new CountDownLatch(1);
        private volatile int badSize = -1;
        private volatile RuntimeException problem =
                new DeviceMemoryException("its memory does not hold one alone", null);
        private volatile boolean broken;
        private volatile String notLoaded;
        private volatile int halvings;

        @Override
        public int batchSize() {
            return BATCH;
        }

        @Override
        public int chunk() {
            return BATCH;
        }

        @Override
        public boolean overlaps() {
            return false;
        }

        @Override
        public void takeStream() {}

        @Override
        public long loraBytes(int images, LoraForm form) {
            return (long) images << 10;
        }

        @Override
        public void load() throws IOException {
            loaded.acquireUninterruptibly();
            loaded.release();
            if (notLoaded != null) {
                throw new IOException(notLoaded);
            }
        }

        @Override
        public List<ImageEmbedding> embed(List<PreparedImage> images, IntConsumer halved) {
            halved.accept(halvings);
            requireWhole();
            batches.add(images.size());
            return images.stream()
                    .map(image -> new ImageEmbedding(new float[1], new float[1], List.of()))
                    .toList();
        }

        @Override
        public List<Lora> decode(List<List<ImageEmbedding>> styles, LoraForm form, IntConsumer halved) {
            requireWhole();
            if (styles.stream().anyMatch(style -> style.size() == badSize)) {
                throw problem;
            }
            return styles.stream().map(style -> lora(form.type())).toList();
        }

        private Lora lora(ElementType type) {
            TensorScope scope = new TensorScope();
            scopes.add(scope);
            return new Lora(type, new FactorPlaces(Map.of(), Map.of()), List.of(), scope, Optional.empty());
        }

        @Override
        public void probe() {
            requireWhole();
        }

        private void requireWhole() {
            if (broken) {
                throw new IllegalStateException("the device is lost");
            }
        }

        @Override
        public void close() {
            closed.countDown();
        }
    }

    private static final class Told implements TaskFeed.Listener {
        private final List<String> embedded = Collections.synchronizedList(new ArrayList<>());
        private final AtomicInteger halvings = new AtomicInteger();

        @Override
        public void embedded(Style style) {
            embedded.add(style.id());
        }

        @Override
        public void halved(int times) {
            halvings.addAndGet(times);
        }
    }

    StackPipelineTest() {
        pipeline.include(stack);
    }

    @AfterEach
    void end() {
        stack.loaded.release();
        feed.close();
        pipeline.close();
        stack.scopes.forEach(TensorScope::close);
    }

    private static Style style(String id, int images) {
        return new Style(id, null, Collections.nCopies(images, "x"));
    }

    /** A style whose images have come. */
    private StyleJob added(String id, int images) {
        return added(feed, id, images);
    }

    private static StyleJob added(TaskFeed feed, String id, int images) {
        StyleJob job = feed.begin(style(id, images)).orElseThrow();
        for (int i = 0; i < images; i++) {
            add(job, i);
        }
        return job;
    }

    private static void add(StyleJob job, int position) {
        job.awaitRoom();
        job.add(position, null);
    }

    /** Those whose images have come are one batch, and those after them too, for the stack has not been loaded yet. */
    private void begin() {
        stack.loaded.release();
    }

    private static MadeLora made(StyleJob job) {
        return job.result().join().made();
    }

    private static Failure failure(StyleJob job) {
        return job.result().join().failure();
    }

    @Test
    void batchesFillAcrossStylesAndTasks() {
        try (TaskFeed other = pipeline.feed(FORM, new Told())) {
            List<StyleJob> jobs = List.of(added("a", 1), added(other, "b", 3), added("c", 3), added(other, "d", 1));
            begin();
            assertThat(jobs).allSatisfy(job -> assertThat(made(job)).isNotNull());
            assertThat(stack.batches).containsExactly(BATCH, BATCH);
        }
    }

    @Test
    void eachImageIsToldWithItsStyleWhenItWentThroughTheEncoders() {
        List<StyleJob> jobs = List.of(added("a", 1), added("large", 5));
        begin();
        jobs.forEach(StackPipelineTest::made);
        assertThat(told.embedded).containsExactly("a", "large", "large", "large", "large", "large");
    }

    @Test
    void theStyleThatDoesNotFitCostsOnlyItself() {
        stack.badSize = 2;
        StyleJob a = added("a", 1);
        StyleJob large = added("large", 2);
        StyleJob b = added("b", 1);
        begin();
        assertThat(made(a)).isNotNull();
        assertThat(failure(large).errorClass()).isEqualTo(ErrorClass.DEVICE);
        assertThat(made(b)).isNotNull();
    }

    @Test
    void aStyleThatFailsAloneInItsBatchDoesNotBreakTheRun() {
        stack.badSize = 1;
        stack.problem = new IllegalStateException("an oddity of this style");
        StyleJob odd = added("odd", 1);
        begin();
        assertThat(failure(odd).message()).startsWith("an oddity of this style");
    }

    @Test
    void aBatchOfStylesThatAllFailIsTheirFaultWhenTheStackStillWorks() {
        stack.badSize = 2;
        List<StyleJob> jobs = List.of(added("a", 2), added("b", 2));
        begin();
        assertThat(jobs).allSatisfy(job -> assertThat(failure(job)).isNotNull());
    }

    @Test
    void aStackThatFailsOnAKnownImageTooBlamesNoStyle() {
        stack.broken = true;
        List<StyleJob> jobs = List.of(added("a", 1), added("b", 1), added("c", 3));
        begin();
        assertThat(jobs)
                .allSatisfy(job -> assertThatThrownBy(() -> job.result().join())
                        .cause()
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("a plain grey one too: the device is lost")
                        .hasRootCauseMessage("the device is lost"));
    }

    @Test
    void weightsThatCannotBeLoadedBlameNoStyleAndAreAskedForAgain() {
        stack.notLoaded = "the checkpoint is gone";
        StyleJob first = added("a", 1);
        begin();
        assertThatThrownBy(() -> first.result().join()).cause().hasMessage("the checkpoint is gone");
        first.leave();
        stack.notLoaded = null;
        assertThat(made(added("a", 1))).isNotNull();
    }

    @Test
    void halvedBatchesAreCounted() {
        stack.halvings = 2;
        List<StyleJob> jobs = List.of(added("a", 4), added("b", 4));
        begin();
        jobs.forEach(StackPipelineTest::made);
        assertThat(told.halvings).hasValue(4);
    }

    @Test
    void lorasOfUnlikeFormsAreNotDecodedTogether() {
        try (TaskFeed other = pipeline.feed(new LoraForm(ElementType.BFLOAT16, KeyFormat.COMFYUI, 0), new Told())) {
            List<StyleJob> jobs = List.of(added("a", 1), added(other, "b", 1));
            begin();
            assertThat(made(jobs.get(0)).lora().type()).isEqualTo(ElementType.FLOAT32);
            assertThat(made(jobs.get(1)).lora().type()).isEqualTo(ElementType.BFLOAT16);
        }
    }

    @Test
    void aTaskThatEndsTakesItsStylesAlongAndThoseOfOthersGoOn() {
        TaskFeed other = pipeline.feed(FORM, new Told());
        StyleJob gone = added(other, "gone", 3);
        StyleJob stays = added("stays", 3);
        other.close();
        assertThatThrownBy(() -> gone.result().join()).isInstanceOf(CancellationException.class);
        begin();
        assertThat(made(stays)).isNotNull();
        assertThat(stack.batches).containsExactly(3);
    }

    @Test
    void aLoraThatNobodyWaitsForIsClosed() {
        CountDownLatch embedded = new CountDownLatch(1);
        TaskFeed other = pipeline.feed(FORM, new TaskFeed.Listener() {
            @Override
            public void embedded(Style style) {
                embedded.countDown();
            }

            @Override
            public void halved(int times) {}
        });
        StyleJob gone = added(other, "gone", 1);
        gone.brokenOff(new CancellationException());
        gone.made(new MadeLora(List.of(), stack.lora(ElementType.FLOAT32), 0, 0, embedded::countDown));
        assertThat(stack.scopes).singleElement().satisfies(StackPipelineTest::assertClosed);
        assertThat(embedded.getCount()).isZero();
        other.close();
    }

    @Test
    void anImageThatIsMissingSparesTheStackTheOthers() {
        StyleJob lacking = feed.begin(style("lacking", 3)).orElseThrow();
        add(lacking, 0);
        lacking.awaitRoom();
        lacking.addNone();
        add(lacking, 2);
        StyleJob whole = added("whole", 1);
        begin();
        assertThat(made(whole)).isNotNull();
        assertThat(told.embedded).containsExactly("whole");
    }

    @Test
    void aTaskMayAlwaysHaveOneStyleAndMoreWhereThereIsRoom() {
        StyleJob large = added("large", 9 * BATCH);
        assertThat(feed.begin(style("more", 1))).isEmpty();
        try (TaskFeed other = pipeline.feed(FORM, new Told())) {
            assertThat(other.begin(style("a", 1))).isPresent();
            assertThat(other.begin(style("b", 1))).isEmpty();
        }
        large.leave();
        assertThat(feed.begin(style("more", 1))).isPresent();
        assertThat(feed.begin(style("and more", 8 * BATCH - 1))).isPresent();
        assertThat(feed.begin(style("too many", 1))).isEmpty();
    }

    @Test
    void anEncoderWaitsForImagesThatAreComing() throws InterruptedException {
        StackPipeline idle = new StackPipeline(1, new ByteBudget(8 << 10), new ByteBudget(1));
        TaskFeed task = idle.feed(FORM, told);
        StyleJob style = task.begin(style("a", 3)).orElseThrow();
        add(style, 0);
        CompletableFuture<List<WaitingImage>> batch =
                CompletableFuture.supplyAsync(() -> next(idle, Long.MAX_VALUE / 2));
        add(style, 1);
        assertThat(batch).isNotDone();
        add(style, 2);
        assertThat(batch.join()).hasSize(3);
    }

    @Test
    void anEncoderDoesNotWaitForImagesThatLackRoom() throws InterruptedException {
        ByteBudget narrow = new ByteBudget(2 << 10);
        StackPipeline idle = new StackPipeline(1, narrow, new ByteBudget(1));
        TaskFeed task = idle.feed(FORM, told);
        StyleJob style = task.begin(style("a", 3)).orElseThrow();
        add(style, 0);
        add(style, 1);
        Thread third = new Thread(() -> add(style, 2));
        third.start();
        while (!narrow.isShort()) {
            Thread.onSpinWait();
        }
        assertThat(next(idle, Long.MAX_VALUE / 2)).hasSize(2);
        idle.releaseCrops(2);
        third.join();
    }

    private static List<WaitingImage> next(StackPipeline pipeline, long patience) {
        try {
            return pipeline.nextImages(BATCH, BATCH, patience);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Room for one crop, and for a LoRA of one image: what is larger goes alone, and nobody waits for ever. */
    @Test
    void tinyBudgetsSlowTheWorkButNeverStopIt() throws InterruptedException {
        AtomicInteger crops = new AtomicInteger();
        AtomicInteger made = new AtomicInteger();
        FakeStack small = new FakeStack();
        small.loaded.release();
        StackPipeline narrow = new StackPipeline(1 << 10, new ByteBudget(1 << 10), new ByteBudget(1 << 10));
        narrow.include(small);
        ExecutorService decoders = Executors.newFixedThreadPool(3);
        ExecutorService writers = Executors.newFixedThreadPool(2);
        List<Thread> tasks = new ArrayList<>();
        for (int task = 0; task < 3; task++) {
            Thread thread = new Thread(() -> {
                try (TaskFeed styles = narrow.feed(FORM, new Told())) {
                    List<CompletableFuture<Void>> through = new ArrayList<>();
                    for (int images = 1; images <= 25; images++) {
                        StyleJob job = styles.begin(style("s" + images, images)).orElse(null);
                        while (job == null) {
                            Thread.onSpinWait();
                            job = styles.begin(style("s" + images, images)).orElse(null);
                        }
                        StyleJob begun = job;
                        for (int i = 0; i < images; i++) {
                            int position = i;
                            decoders.execute(() -> {
                                begun.awaitRoom();
                                crops.incrementAndGet();
                                begun.add(position, null);
                            });
                        }
                        through.add(begun.result()
                                .thenAcceptAsync(
                                        result -> {
                                            result.made().close();
                                            made.incrementAndGet();
                                            begun.leave();
                                        },
                                        writers));
                    }
                    through.forEach(CompletableFuture::join);
                }
            });
            thread.start();
            tasks.add(thread);
        }
        for (Thread task : tasks) {
            task.join();
        }
        decoders.shutdown();
        writers.shutdown();
        narrow.close();
        assertThat(made).hasValue(3 * 25);
        assertThat(crops).hasValue(3 * 25 * 26 / 2);
        // one crop at a time
        assertThat(small.batches).containsOnly(1);
        assertThat(small.scopes).hasSize(3 * 25).allSatisfy(StackPipelineTest::assertClosed);
    }

    @Test
    void aPipelineThatIsReplacedWorksUntilItsLastTaskEnds() throws InterruptedException {
        pipeline.retire();
        StyleJob late = added("late", 1);
        begin();
        assertThat(made(late)).isNotNull();
        assertThat(stack.closed.getCount()).isOne();
        feed.close();
        assertThat(stack.closed.await(30, TimeUnit.SECONDS)).isTrue();
    }

    private static void assertClosed(TensorScope scope) {
        assertThatThrownBy(() -> Tensors.empty(scope, List.of(1L), ElementType.FLOAT32, TorchDevice.CPU))
                .isInstanceOf(IllegalStateException.class);
    }
}
