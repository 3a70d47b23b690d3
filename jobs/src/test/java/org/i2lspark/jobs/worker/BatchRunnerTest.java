package org.i2lspark.jobs.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.PreparedImage;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.i2lspark.jobs.worker.BatchRunner.MadeLora;
import org.i2lspark.jobs.worker.StyleReader.ReadStyle;
import org.i2lspark.lora.Lora;
import org.i2lspark.torch.DeviceMemoryException;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class BatchRunnerTest {
    private final FailingStack stack = new FailingStack();
    private final Collected results = new Collected();
    private final BatchRunner runner = new BatchRunner(stack, ElementType.FLOAT32, results);

    /** A stack of batches of four that fails on styles of so many images, and on everything once it is broken. */
    private static final class FailingStack implements BatchStack {
        private final List<TensorScope> scopes = new ArrayList<>();
        private int badSize = -1;
        private RuntimeException problem = new DeviceMemoryException("its memory does not hold one alone", null);
        private boolean broken;
        private int halvings;

        @Override
        public int batchSize() {
            return 4;
        }

        @Override
        public List<ImageEmbedding> embed(List<PreparedImage> images, IntConsumer halved) {
            halved.accept(halvings);
            requireWhole();
            return images.stream()
                    .map(image -> new ImageEmbedding(new float[1], new float[1], List.of()))
                    .toList();
        }

        @Override
        public List<Lora> decode(List<List<ImageEmbedding>> styles, ElementType loraType, IntConsumer halved) {
            requireWhole();
            if (styles.stream().anyMatch(style -> style.size() == badSize)) {
                throw problem;
            }
            return styles.stream().map(style -> lora(loraType)).toList();
        }

        private Lora lora(ElementType type) {
            TensorScope scope = new TensorScope();
            scopes.add(scope);
            return new Lora(type, List.of(), scope);
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
    }

    private static final class Collected implements BatchRunner.Results {
        private final List<String> embedded = new ArrayList<>();
        private final List<MadeLora> made = new ArrayList<>();
        private final List<String> failed = new ArrayList<>();
        private final List<Failure> failures = new ArrayList<>();
        private int halvings;
        private IOException noRoom;

        @Override
        public void embedded(ReadStyle style) {
            embedded.add(style.style().id());
        }

        @Override
        public void made(MadeLora lora) {
            made.add(lora);
        }

        @Override
        public void failed(ReadStyle style, Failure failure) {
            failed.add(style.style().id());
            failures.add(failure);
        }

        @Override
        public void halved(int times) {
            halvings += times;
        }

        @Override
        public void makeRoom() throws IOException {
            if (noRoom != null) {
                throw noRoom;
            }
        }

        List<String> madeIds() {
            return made.stream().map(lora -> lora.style().style().id()).toList();
        }
    }

    @AfterEach
    void free() {
        stack.scopes.forEach(TensorScope::close);
    }

    private static ReadStyle style(String id, int images) {
        PreparedImage prepared = new PreparedImage(List.of(new RgbImage(1, 1, new byte[3])));
        List<ImageWork> works = Stream.generate(
                        () -> ImageWork.read("x", "0", null, 0).decoded(1, 1, prepared, 0, 0))
                .limit(images)
                .toList();
        List<String> uris = works.stream().map(ImageWork::uri).toList();
        return new ReadStyle(new Style(id, null, uris), "f", Optional.empty(), works);
    }

    @Test
    void eachImageIsToldWithItsStyleWhenItWentThroughTheEncoders() throws IOException {
        runner.run(List.of(style("a", 1), style("large", 5)));
        assertThat(results.embedded).containsExactly("a", "large", "large", "large", "large", "large");
    }

    @Test
    void theStyleThatDoesNotFitCostsOnlyItself() throws IOException {
        stack.badSize = 3;
        runner.run(List.of(style("a", 1), style("large", 3), style("b", 2)));
        assertThat(results.madeIds()).containsExactly("a", "b");
        assertThat(results.failed).containsExactly("large");
        assertThat(results.failures)
                .singleElement()
                .satisfies(failure -> assertThat(failure.errorClass()).isEqualTo(ErrorClass.DEVICE));
    }

    @Test
    void aStyleThatFailsAloneInItsBatchDoesNotBreakTheRun() throws IOException {
        stack.badSize = 1;
        stack.problem = new IllegalStateException("an oddity of this style");
        runner.run(List.of(style("odd", 1)));
        assertThat(results.failed).containsExactly("odd");
        assertThat(results.madeIds()).isEmpty();
    }

    @Test
    void aBatchOfStylesThatAllFailIsTheirFaultWhenTheStackStillWorks() throws IOException {
        stack.badSize = 2;
        runner.run(List.of(style("a", 2), style("b", 2)));
        assertThat(results.failed).containsExactly("a", "b");
    }

    @Test
    void aStackThatFailsOnAKnownImageTooBreaksTheTaskAndBlamesNoStyle() {
        stack.broken = true;
        for (List<ReadStyle> batch : List.of(List.of(style("a", 1)), List.of(style("a", 1), style("b", 1)))) {
            assertThatThrownBy(() -> runner.run(batch))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("a plain grey one too: the device is lost")
                    .hasRootCauseMessage("the device is lost");
        }
        assertThat(results.failed).isEmpty();
    }

    @Test
    void halvedBatchesAreCounted() throws IOException {
        stack.halvings = 2;
        runner.run(List.of(style("a", 4), style("b", 4)));
        assertThat(results.halvings).isEqualTo(4);
    }

    @Test
    void aFaultInALaterStyleFreesTheLorasBeforeIt() throws IOException {
        // styles of three images are decoded one by one
        stack.badSize = 4;
        runner.run(List.of(style("a", 3), style("b", 3), style("bad", 4)));
        assertThat(results.madeIds()).containsExactly("a", "b");
        assertThat(stack.scopes).hasSize(4);
        assertClosed(stack.scopes.get(0));
        assertClosed(stack.scopes.get(1));
        assertThatCode(() -> allocate(stack.scopes.get(3))).doesNotThrowAnyException();
    }

    @Test
    void aFaultInTheWritesBeforeFreesTheLorasOfTheBatch() {
        results.noRoom = new IOException("the store is gone");
        assertThatThrownBy(() -> runner.run(List.of(style("a", 1), style("b", 1))))
                .hasMessage("the store is gone");
        assertThat(stack.scopes).hasSize(2).allSatisfy(BatchRunnerTest::assertClosed);
    }

    @Test
    void aCancelledTaskComputesNoMore() {
        Thread.currentThread().interrupt();
        try {
            assertThatThrownBy(() -> runner.run(List.of(style("a", 1))))
                    .isInstanceOf(InterruptedIOException.class)
                    .hasMessage("the task was cancelled");
        } finally {
            Thread.interrupted();
        }
        assertThat(stack.scopes).isEmpty();
        assertThat(results.failed).isEmpty();
    }

    private static void assertClosed(TensorScope scope) {
        assertThatThrownBy(() -> allocate(scope)).isInstanceOf(IllegalStateException.class);
    }

    private static void allocate(TensorScope scope) {
        Tensors.empty(scope, List.of(1L), ElementType.FLOAT32, TorchDevice.CPU);
    }
}
