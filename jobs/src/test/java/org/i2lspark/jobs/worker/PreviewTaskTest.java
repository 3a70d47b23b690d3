package org.i2lspark.jobs.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.util.LongAccumulator;
import org.i2lspark.ImageRequest;
import org.i2lspark.TextToImage.StepListener;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.options.DeviceChoice;
import org.i2lspark.jobs.options.PictureSettings;
import org.i2lspark.jobs.options.PictureStackSettings;
import org.i2lspark.jobs.options.PreviewSpec;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.torch.ElementType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A task of previews on a stack that fails as it is told. */
class PreviewTaskTest {
    private static final Path LORA = Path.of(System.getProperty("i2l.reference"), "lora_style_image0.safetensors");
    private static final PictureStackSettings SETTINGS =
            new PictureStackSettings("models", DeviceChoice.CPU, ElementType.FLOAT32, 2, 0);

    @TempDir
    private Path output;

    private final FakeStack stack = new FakeStack();
    private final List<PreviewStyle> styles = new ArrayList<>(List.of(PreviewStyle.NONE));

    /** Grey pictures; what it is asked for, batch by batch. */
    private static final class FakeStack implements PictureStack {
        private final List<Integer> batches = Collections.synchronizedList(new ArrayList<>());
        private String failing = "";
        private boolean broken;
        private int loaded;

        @Override
        public void load() {
            loaded++;
        }

        @Override
        public List<RgbImage> make(List<ImageRequest> pictures, PictureSettings picture, StepListener listener)
                throws IOException {
            batches.add(pictures.size());
            boolean fails = pictures.stream()
                    .flatMap(request -> request.loras().stream())
                    .anyMatch(lora -> lora.name().contains(failing));
            if (broken || (!failing.isEmpty() && fails)) {
                throw new IllegalStateException("out of order");
            }
            byte[] grey = new byte[RgbImage.CHANNELS * picture.width() * picture.height()];
            return Collections.nCopies(pictures.size(), new RgbImage(picture.width(), picture.height(), grey));
        }

        @Override
        public void close() {}
    }

    @BeforeEach
    void writeLoras() throws IOException {
        for (String id : List.of("a", "b", "c")) {
            Path lora = output.resolve("loras/" + id + ".safetensors");
            Files.createDirectories(lora.getParent());
            Files.copy(LORA, lora, StandardCopyOption.REPLACE_EXISTING);
            styles.add(new PreviewStyle(
                    id, "loras/" + id + ".safetensors", Hashes.sha256(Files.readAllBytes(lora)), "fp-" + id));
        }
    }

    private PreviewResult run(String yaml) throws IOException {
        PreviewSpec spec = PreviewSpec.parse("previews", "", "prompts: [x, y]\nsize: 16x16\n" + yaml);
        PictureOrder order = new PictureOrder(SETTINGS, "fake", "all", "2.7.1+cpu", Map.of("m", "1:2"), null);
        PreviewAssignment assignment =
                new PreviewAssignment("run", output.toUri().toString(), order, spec);
        LongAccumulator counter = new LongAccumulator();
        Counters counters = new Counters(counter, new LongAccumulator(), new LongAccumulator(), new LongAccumulator());
        return new PreviewTask(assignment, new Storage(new Configuration()), stack, counters).run(0, styles.iterator());
    }

    private long pictures() throws IOException {
        Path previews = output.resolve("previews");
        if (!Files.exists(previews)) {
            return 0;
        }
        try (Stream<Path> all = Files.walk(previews)) {
            return all.filter(Files::isRegularFile).count();
        }
    }

    @Test
    void stylesOfOnePromptAreMadeTogether() throws IOException {
        assertThat(run("").counts())
                .extracting(PreviewCounts::done, PreviewCounts::failed)
                .containsExactly(8L, 0L);
        assertThat(stack.batches).containsExactly(2, 2, 2, 2);
        assertThat(pictures()).isEqualTo(8);
    }

    @Test
    void whatIsThereLoadsNothing() throws IOException {
        run("");
        stack.loaded = 0;
        assertThat(run("").counts().skipped()).isEqualTo(8);
        assertThat(stack.loaded).isZero();
        assertThat(run("seed: 1").counts().done()).isEqualTo(8);
    }

    @Test
    void aLoraThatCannotBeUsedCostsItsOwnPicturesOnly() throws IOException {
        stack.failing = "b.safetensors";
        PreviewResult result = run("");
        assertThat(result.counts())
                .extracting(PreviewCounts::done, PreviewCounts::failed)
                .containsExactly(6L, 2L);
        assertThat(pictures()).isEqualTo(6);
    }

    @Test
    void aStackThatFailsOnAnythingBreaksTheTask() {
        stack.broken = true;
        assertThatThrownBy(() -> run(""))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(
                        "Cannot make pictures on this executor, one without a style's LoRA neither: out of order");
    }

    /** What a picture follows from is in its fingerprint, and what it does not follow from is not. */
    @Test
    void aPictureIsMadeAgainWhenWhatItFollowsFromChanges() throws IOException {
        run("");
        assertThat(run("negative_prompt: ugly").counts().done()).isEqualTo(8);
        assertThat(run("steps: 21").counts().done()).isEqualTo(8);
        assertThat(run("cfg: 3").counts().done()).isEqualTo(8);
        assertThat(run("scheduler: lightning").counts().done()).isEqualTo(8);
        assertThat(run("strength: 0.5").counts())
                .extracting(PreviewCounts::done, PreviewCounts::skipped)
                .containsExactly(6L, 2L);
        run("cfg: 1");
        assertThat(run("cfg: 1\nnegative_prompt: ugly").counts().skipped()).isEqualTo(8);
    }
}
