package org.i2lspark.jobs.bench;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.i2lspark.Sampling;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.Bounds;
import org.i2lspark.jobs.options.LoraOptions;
import org.i2lspark.jobs.options.StackOptions;
import org.i2lspark.jobs.worker.Stack;
import org.i2lspark.model.QwenImageModel;
import org.i2lspark.torch.Torch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code i2l bench}: how long each stage takes on this machine. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Times every stage on its own, one after the other, and prints medians for one image.",
            "A run overlaps reading, the stack and writing, so it is faster than the sum.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  i2l bench --models models/ --image photo.jpg --batch-size 8",
            "  i2l sample-models --released-sizes --output sizes/",
            "  i2l bench --full --models sizes/ --folder /dev/shm/bench"
        })
public final class BenchCommand implements Callable<Integer> {
    /** Rows and columns of the matrices that the device is measured with. */
    private static final int GPU_MATRIX = 8192;

    private static final int CPU_MATRIX = 1024;

    @Mixin
    private StackOptions stackOptions;

    @Mixin
    private LoraOptions loraOptions;

    @Option(
            names = "--image",
            paramLabel = "FILE",
            description =
                    "The image to work on. Default: a made-up JPEG of 4000x3000 pixels, with --full of 1500x1000.")
    private Path image;

    @Option(
            names = "--keep-image",
            paramLabel = "FILE",
            description = "Keep the made-up image here, to time other programs with it.")
    private Path keptImage;

    @Option(
            names = "--text-to-image",
            paramLabel = "PIXELS",
            description = {
                "Also time what makes images of this many pixels a side with Qwen-Image: the text encoder, a pass of the transformer "
                        + "without LoRAs, the VAE, and all of it with four steps. A multiple of 16."
            })
    private Integer imageSize;

    @Option(
            names = "--djl",
            description =
                    "Also time the whole way from an image to its LoRA, by the library's own calls and as a prediction of DJL's.")
    private boolean djl;

    @Bounds(min = 1)
    @Option(names = "--repeats", defaultValue = "15", description = "Timed runs a stage. Default: ${DEFAULT-VALUE}.")
    private int repeats;

    @Option(
            names = "--full",
            description = {
                "First run generate on copies of the image, in a process of its own, and say how fast LoRAs came, how busy the "
                        + "GPUs were and what memory and threads it took; then measure what the device can do, and say what share of it "
                        + "each stage reaches: of its matrix products, its memory or its way to the host, whichever limits the stage."
            })
    private boolean full;

    @Bounds(min = 1)
    @Option(
            names = "--styles",
            defaultValue = "300",
            paramLabel = "N",
            description = "With --full: styles of the run. Default: ${DEFAULT-VALUE}.")
    private int styles;

    @Bounds(min = 1)
    @Option(
            names = "--images-per-style",
            defaultValue = "1",
            paramLabel = "N",
            description = "With --full: images of each. Default: ${DEFAULT-VALUE}.")
    private int imagesPerStyle;

    @Option(
            names = "--folder",
            paramLabel = "DIR",
            description = {
                "Where what is written lies until the end; with --full all LoRAs, 59 MB an image and variant at the released sizes. "
                        + "Default: the temporary folder."
            })
    private Path place;

    @Option(names = "--json", description = "Print one JSON document on standard output in place of the table.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        stackOptions.check();
        loraOptions.check();
        Sampling sampling = sampling();
        Path models = stackOptions.compute().localModels();
        QwenImageModel qwenImage = sampling == null ? null : QwenImageModel.inspect(models);
        if (place != null) {
            Files.createDirectories(place);
        }
        Path folder =
                place == null ? Files.createTempDirectory("i2l-bench") : Files.createTempDirectory(place, "i2l-bench");
        try {
            Path photo = photo(folder);
            Map<String, Object> facts = new LinkedHashMap<>();
            if (full) {
                WholeRun run = WholeRun.of(
                        Files.createDirectory(folder.resolve("run")), photo, styles, imagesPerStyle, passedOn());
                facts.put("run", run.facts());
                print(run.text());
            }
            try (Stack stack = new Stack(stackOptions.settle(), models, 0)) {
                StageTimer timer = timer(stack, facts);
                new StageBench(stack, loraOptions.form(), timer).run(photo, folder);
                if (djl) {
                    new DjlBench(stack, loraOptions.form(), timer).run(models, photo);
                }
                if (qwenImage != null) {
                    new ImageBench(qwenImage, stack, sampling, timer).run();
                }
            }
            if (json) {
                spec.commandLine()
                        .getOut()
                        .println(new JsonMapper().valueToTree(facts).toPrettyString());
            }
        } finally {
            try (Stream<Path> all = Files.walk(folder)) {
                all.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
            }
        }
        return 0;
    }

    /** How images are made that are asked for; null if none are. */
    private Sampling sampling() throws UnusableException {
        try {
            return imageSize == null ? null : ImageBench.sampling(imageSize);
        } catch (IllegalArgumentException e) {
            throw new UnusableException(e.getMessage(), e);
        }
    }

    private Path photo(Path folder) throws IOException {
        if (image != null) {
            return image;
        }
        Path file = keptImage == null ? folder.resolve("photo.jpg") : keptImage;
        return full ? MadeUpPhoto.writeSmall(file) : MadeUpPhoto.write(file);
    }

    /** What was said of stack and LoRAs, for generate. */
    private List<String> passedOn() {
        List<String> options = new ArrayList<>();
        List<OptionSpec> shared = spec.mixins().values().stream()
                .filter(mixin -> mixin.userObject() == stackOptions || mixin.userObject() == loraOptions)
                .flatMap(mixin -> mixin.options().stream())
                .toList();
        for (OptionSpec option : spec.commandLine().getParseResult().matchedOptions()) {
            if (shared.stream().anyMatch(one -> one.longestName().equals(option.longestName()))) {
                // as they were typed: a list in one piece, a flag with its value
                option.originalStringValues().forEach(value -> options.add(option.longestName() + '=' + value));
            }
        }
        return options;
    }

    /** Says what is timed and on what, and times stages from then on. */
    private StageTimer timer(Stack stack, Map<String, Object> facts) throws IOException {
        DeviceRates rates = full
                ? DeviceRates.measure(
                        stack.device(),
                        stack.settings().precision(),
                        stack.device().isCpu() ? CPU_MATRIX : GPU_MATRIX)
                : null;
        facts.put("model", stack.model().description());
        facts.put("libtorch", Torch.library().build());
        facts.put("device", stack.device().name());
        facts.put("precision", stack.settings().precision().name().toLowerCase(Locale.ROOT));
        facts.put("processors", Runtime.getRuntime().availableProcessors());
        print("Model: %s%nRuns on %s in %s; medians of %d runs, after as many to warm up%n"
                .formatted(
                        stack.model().description(),
                        stack.device(),
                        stack.settings().precision(),
                        repeats));
        if (full) {
            facts.put("device_rates", rates.facts());
            print(rates.text());
        }
        print("%n%-28s %6s %12s%s%n"
                .formatted("stage", "batch", "ms an image", full ? "  TFLOP an image  of the device" : ""));
        List<Map<String, Object>> stages = new ArrayList<>();
        facts.put("stages", stages);
        return new StageTimer(repeats, stage -> {
            stages.add(rates == null ? stage.facts() : stage.facts(rates));
            print(stage.text() + (rates == null ? "" : stage.text(rates)) + System.lineSeparator());
        });
    }

    private void print(String text) {
        if (!json) {
            spec.commandLine().getOut().print(text);
            spec.commandLine().getOut().flush();
        }
    }
}
