package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.i2lspark.ImageRequest;
import org.i2lspark.image.PngFile;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.cli.PictureNames.Wanted;
import org.i2lspark.jobs.options.Bounds;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.options.GuidanceRescale;
import org.i2lspark.jobs.options.LoraPasses;
import org.i2lspark.jobs.options.PictureSettings;
import org.i2lspark.jobs.options.PictureStackOptions;
import org.i2lspark.jobs.options.PictureStackSettings;
import org.i2lspark.jobs.options.PreviewSpec;
import org.i2lspark.jobs.options.ReleaseConverter;
import org.i2lspark.jobs.options.SchedulerChoice;
import org.i2lspark.jobs.worker.PictureTexts;
import org.i2lspark.jobs.worker.PictureTexts.UsedLora;
import org.i2lspark.jobs.worker.QwenPictureStack;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.model.QwenImageRelease;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code i2l image}: pictures from prompts, without Spark. */
@Command(
        name = "image",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Makes pictures from prompts with Qwen-Image, and with LoRAs, without starting Spark.",
            "Each PNG says how it was made, in the form that WebUI and ComfyUI read (parameters).",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  i2l image --models models/ --prompt \"a cat\" --output cat.png",
            "  i2l image --models models/ --prompt \"a cat\" --prompt \"a dog\" \\",
            "    --seed 0 --seed 1 --lora ink.safetensors:0.8 --output pets/ \\",
            "    --distilled lightning.safetensors",
            "",
            "Exit codes: 0 done, 1 it broke, 2 it cannot run as asked."
        })
final class ImageCommand implements Callable<Integer> {
    private static final Logger LOG = LoggerFactory.getLogger(ImageCommand.class);
    private static final int STEPS = 50;
    private static final double GUIDANCE = 4;
    private static final int DISTILLED_STEPS = 4;
    private static final String SIZE = "1024x1024";

    @Option(
            names = "--prompt",
            required = true,
            paramLabel = "TEXT",
            description = "What the picture shows; may be repeated: each prompt with each seed is a picture.")
    private List<String> prompts;

    @Option(
            names = "--negative-prompt",
            paramLabel = "TEXT",
            description = "What guidance drives away from. Default: a space, as Qwen's own examples have it.")
    private String negativePrompt = PreviewSpec.EMPTY_NEGATIVE_PROMPT;

    @Mixin
    private PictureStackOptions stackOptions;

    @Option(
            names = "--model",
            defaultValue = "qwen-image",
            converter = ReleaseConverter.class,
            paramLabel = "RELEASE",
            description = "qwen-image or qwen-image-2512: whose folder below --models is used. Default: qwen-image.")
    private QwenImageRelease model;

    @Option(
            names = "--lora",
            paramLabel = "FILE[:STRENGTH]",
            converter = WeightedLoraFile.Converter.class,
            description = {
                "A LoRA in any format that 'i2l lora' reads, a local path or a URI; a number behind the last colon is its strength. "
                        + "May be repeated: LoRAs add up. Default strength: 1."
            })
    private List<WeightedLoraFile> loras = new ArrayList<>();

    @Option(
            names = "--distilled",
            paramLabel = "FILE",
            description =
                    "A LoRA for few steps, as of Qwen-Image-Lightning: the same as that --lora with --scheduler lightning --cfg 1 --steps 4.")
    private String distilled;

    @Bounds(min = PictureSettings.MIN_STEPS, max = PictureSettings.MAX_STEPS)
    @Option(names = "--steps", paramLabel = "N", description = "Steps from noise to picture. Default: 50.")
    private Integer steps;

    @Bounds(min = 1, max = PictureSettings.MAX_GUIDANCE)
    @Option(
            names = "--cfg",
            paramLabel = "S",
            description =
                    "How far to drive away from the negative prompt; 1 is not at all, in half the time. Default: 4.")
    private Double guidanceScale;

    @Option(
            names = "--cfg-rescale",
            negatable = true,
            defaultValue = "true",
            fallbackValue = "true",
            description = {
                "Keep the length that the velocity has without guidance, as diffusers and ComfyUI do; DiffSynth-Studio does not. "
                        + "Default: --cfg-rescale."
            })
    private boolean rescale;

    @Option(
            names = "--positive-only",
            description = "LoRAs act on the pass of the prompt alone, not on that of the negative prompt.")
    private boolean positiveOnly;

    @Option(
            names = "--scheduler",
            paramLabel = "SCHEDULER",
            description = "qwen, or lightning for the LoRAs that were distilled with it. Default: qwen.")
    private SchedulerChoice scheduler;

    @Option(
            names = "--size",
            defaultValue = SIZE,
            paramLabel = "WIDTHxHEIGHT",
            description = "In pixels, each a multiple of 16. Default: ${DEFAULT-VALUE}.")
    private String size;

    @Option(
            names = "--seed",
            paramLabel = "N",
            description =
                    "Of the noise: the same as in diffusers with a generator of the CPU. May be repeated. Default: 0.")
    private List<Long> seeds = new ArrayList<>();

    @Option(
            names = "--output",
            required = true,
            paramLabel = "PATH",
            description = {
                "The PNG to write: a local path or a URI. For several pictures a folder, or a name with {number}, {prompt} or {seed} in it."
            })
    private String output;

    @Option(names = "--overwrite", description = "Replace what is there.")
    private boolean overwrite;

    @Mixin
    private StoreOptions storeOptions;

    @Option(names = "--dry-run", description = "Check prompts, LoRAs, model and output; load and write nothing.")
    private boolean dryRun;

    @Mixin
    private ReportOptions report;

    @Override
    public Integer call() throws IOException {
        PictureSettings settings = settings();
        List<Wanted> wanted = wanted();
        List<String> outputs = PictureNames.of(output, wanted);
        Path models = stackOptions.localModels();
        LoraStore store = new LoraStore(Sessions.storage(storeOptions.settings()));
        for (String file : outputs) {
            store.checkFile(file, overwrite);
        }
        PictureStackSettings stackSettings = stackOptions.choice().settle(0);
        try (QwenPictureStack stack = new QwenPictureStack(stackSettings, settings, models, 0);
                OpenLoras opened = OpenLoras.of(store, allLoras())) {
            List<ImageRequest> requests = wanted.stream()
                    .map(one ->
                            new ImageRequest(one.prompt(), Optional.of(negativePrompt), one.seed(), opened.weighted()))
                    .toList();
            stack.check(requests, settings);
            report.announce("Model: %s; runs on %s in %s%nMemory of the device: %s%n"
                    .formatted(
                            stack.description(),
                            stack.device(),
                            GenerateOptions.lower(stackSettings.precision()),
                            stack.memory()));
            Map<String, Object> facts = facts(stack, stackSettings, settings);
            if (dryRun) {
                report.document(facts);
                report.say("Dry run: %d pictures can be made; nothing was written.".formatted(requests.size()));
                return 0;
            }
            List<Map<String, Object>> pictures = new ArrayList<>();
            int batch = stackSettings.batchSize();
            for (int i = 0; i < requests.size(); i += batch) {
                int end = Math.min(i + batch, requests.size());
                List<RgbImage> images =
                        stack.make(requests.subList(i, end), settings, report.steps(i, end, requests.size()));
                for (int j = i; j < end; j++) {
                    pictures.add(write(store, outputs.get(j), wanted.get(j), images.get(j - i), settings, opened));
                }
            }
            facts.put("pictures", pictures);
            report.document(facts);
            return 0;
        }
    }

    /** What is told of nothing else, and may be made up from what is. */
    private PictureSettings settings() throws UnusableException {
        boolean few = distilled != null;
        PictureSettings.Size pixels = PictureSettings.Size.parse("--size", size);
        return new PictureSettings(
                model,
                pixels.width(),
                pixels.height(),
                steps != null ? steps : few ? DISTILLED_STEPS : STEPS,
                guidanceScale != null ? guidanceScale : few ? 1 : GUIDANCE,
                rescale ? GuidanceRescale.ON : GuidanceRescale.OFF,
                scheduler != null ? scheduler : few ? SchedulerChoice.LIGHTNING : SchedulerChoice.QWEN,
                positiveOnly ? LoraPasses.POSITIVE_ONLY : LoraPasses.BOTH);
    }

    /** Each prompt with each seed. */
    private List<Wanted> wanted() throws UnusableException {
        for (long seed : seeds) {
            if (seed < 0) {
                throw new UnusableException("Invalid --seed: %d (expected 0 or more)".formatted(seed));
            }
        }
        List<Wanted> wanted = new ArrayList<>();
        for (String prompt : prompts) {
            for (long seed : seeds.isEmpty() ? List.of(0L) : seeds) {
                wanted.add(new Wanted(prompt, seed));
            }
        }
        return wanted;
    }

    private List<WeightedLoraFile> allLoras() {
        List<WeightedLoraFile> all = new ArrayList<>();
        if (distilled != null) {
            all.add(new WeightedLoraFile(distilled, 1));
        }
        all.addAll(loras);
        return all;
    }

    private Map<String, Object> facts(
            QwenPictureStack stack, PictureStackSettings stackSettings, PictureSettings settings) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("dry_run", dryRun);
        facts.put("model", stack.description());
        facts.put("device", stack.device().name());
        facts.put("precision", GenerateOptions.lower(stackSettings.precision()));
        facts.put("memory", stack.memory());
        facts.put("settings", settings.facts());
        return facts;
    }

    private Map<String, Object> write(
            LoraStore store, String file, Wanted wanted, RgbImage image, PictureSettings settings, OpenLoras opened)
            throws IOException {
        Map<String, String> texts =
                PictureTexts.of(wanted.prompt(), negativePrompt, wanted.seed(), settings, opened.used());
        byte[] png = PngFile.encode(image, texts);
        long bytes = store.write(file, overwrite, out -> out.write(png));
        report.say("%s: '%s', seed %d, %d bytes"
                .formatted(file, Problems.printable(wanted.prompt()), wanted.seed(), bytes));
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("output", file);
        facts.put("prompt", wanted.prompt());
        facts.put("seed", wanted.seed());
        facts.put("bytes", bytes);
        return facts;
    }

    /**
     * The LoRAs of all pictures.
     *
     * @param used the same, as pictures name them
     */
    private record OpenLoras(List<LoraFile> files, List<WeightedLora> weighted, List<UsedLora> used)
            implements AutoCloseable {
        static OpenLoras of(LoraStore store, List<WeightedLoraFile> loras) throws UnusableException {
            OpenLoras opened = new OpenLoras(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
            try {
                for (WeightedLoraFile lora : loras) {
                    LoraFile file = store.open(lora.location());
                    opened.files.add(file);
                    opened.weighted.add(new WeightedLora(lora.location(), file, lora.strength()));
                    opened.used.add(new UsedLora(
                            PictureTexts.name(lora.location()), store.sha256(lora.location()), lora.strength()));
                }
                return opened;
            } catch (IOException e) {
                opened.close();
                throw e instanceof UnusableException unusable
                        ? unusable
                        : new UnusableException(Problems.describe(e), e);
            }
        }

        @Override
        public void close() {
            for (LoraFile file : files) {
                try {
                    file.close();
                } catch (IOException e) {
                    // it was only read
                    LOG.info("Cannot close a LoRA", e);
                }
            }
        }
    }
}
