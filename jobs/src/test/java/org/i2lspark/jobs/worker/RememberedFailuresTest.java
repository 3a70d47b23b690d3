package org.i2lspark.jobs.worker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.util.LongAccumulator;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.jobs.catalog.Style;
import org.i2lspark.jobs.options.DeviceChoice;
import org.i2lspark.jobs.options.ImageLimits;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.options.StackSettings;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.i2lspark.jobs.output.Failure.Kind;
import org.i2lspark.jobs.output.Output;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.output.Receipt;
import org.i2lspark.jobs.storage.CatalogPlace;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.storage.ImageSource;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.StyleReader.ReadStyle;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A failure that is remembered is not tried again, so it must be one that would come again. */
class RememberedFailuresTest {
    private static final byte[] IMAGE = "no image".getBytes(UTF_8);
    private static final ImageLimits LIMITS = new ImageLimits(1000, 1000, 8);
    private static final WorkOrder ORDER = new WorkOrder(
            new StackSettings(
                    "m", Set.of(Variant.STYLE), ImagePositions.GRID, DeviceChoice.CPU, ElementType.FLOAT32, 1),
            "",
            "",
            "2.7.1",
            Map.of("DINOv3-7B", "a:b"));
    private static final LoraForm FORM = new LoraForm(ElementType.FLOAT32, KeyFormat.COMFYUI, 0);

    @TempDir
    private Path folder;

    private final ExecutorService workers = Executors.newSingleThreadExecutor();
    private Storage storage;
    private OutputLayout layout;
    private Style style;
    private String fingerprint;

    @BeforeEach
    void write() throws IOException {
        storage = new Storage(new Configuration());
        layout = new OutputLayout(folder.resolve("out").toUri().toString());
        Path image = folder.resolve("a.png");
        Files.write(image, IMAGE);
        style = new Style("a", null, List.of(image.toUri().toString()));
        fingerprint = Fingerprints.ofStyle(List.of(Hashes.sha256(IMAGE)), ORDER, FORM);
    }

    @AfterEach
    void stop() {
        workers.shutdownNow();
    }

    private Assignment assignment(ImageLimits limits, Set<Kind> lasting) {
        return new Assignment(
                new RunIdentity("run", layout.output().toString(), Set.of()),
                ORDER,
                FORM,
                new ImageSource.Rules(
                        false,
                        null,
                        new CatalogPlace(
                                folder.toUri().toString(), folder.toUri().toString()),
                        limits.maxBytes()),
                limits,
                lasting);
    }

    private Output output() {
        return new Output(storage, layout, "run", Set.of());
    }

    private static boolean isOfImages(ErrorClass errorClass) {
        return errorClass.name().startsWith("IMAGE_") || errorClass == ErrorClass.TOO_MANY_IMAGES;
    }

    @ParameterizedTest
    @EnumSource
    void onlyWhatLiesInTheImagesIsRemembered(ErrorClass errorClass) throws IOException {
        Assignment assignment = assignment(LIMITS, Set.of(Kind.IMAGE));
        Counters counters = new Counters(
                new LongAccumulator(), new LongAccumulator(), new LongAccumulator(), new LongAccumulator());
        TaskLedger ledger = new TaskLedger(storage, layout.run("run"), counters, new StyleRows(assignment));
        try (LoraPublisher publisher = new LoraPublisher(assignment, output(), ledger)) {
            publisher.fail(
                    new ReadStyle(style, fingerprint, Optional.empty(), List.of()), new Failure(errorClass, "why"));
        }
        assertThat(output().settled("a", fingerprint).isPresent()).isEqualTo(isOfImages(errorClass));
    }

    /** Whoever remembered it. */
    @ParameterizedTest
    @EnumSource
    void onlyWhatLiesInTheImagesIsNotTriedAgain(ErrorClass errorClass) {
        Failure failure = new Failure(errorClass, "why");
        assertThat(output().remember("a", fingerprint, Receipt.ofFailure("earlier", failure, LIMITS.text(), List.of())))
                .isTrue();
        assertThat(isFinal(LIMITS, Set.of(Kind.IMAGE))).isEqualTo(isOfImages(errorClass));
        // asked to, or under other limits
        assertThat(isFinal(LIMITS, Set.of())).isFalse();
        assertThat(isFinal(new ImageLimits(1001, 1000, 8), Set.of(Kind.IMAGE))).isFalse();
        assertThat(isFinal(new ImageLimits(1000, 1001, 8), Set.of(Kind.IMAGE))).isFalse();
        assertThat(isFinal(new ImageLimits(1000, 1000, 9), Set.of(Kind.IMAGE))).isEqualTo(isOfImages(errorClass));
    }

    private boolean isFinal(ImageLimits limits, Set<Kind> lasting) {
        try (StyleReader reader =
                new StyleReader(assignment(limits, lasting), storage, output(), null, workers, workers)) {
            return reader.read(style).join().receipt().isPresent();
        }
    }
}
