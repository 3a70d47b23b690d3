package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.i2lspark.ImageEmbedding;
import org.i2lspark.ImageToLora;
import org.i2lspark.PreparedImage;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.GenerateOptions;
import org.i2lspark.jobs.options.ImageLimitOptions;
import org.i2lspark.jobs.options.ImageLimits;
import org.i2lspark.jobs.options.LoraForm;
import org.i2lspark.jobs.options.LoraOptions;
import org.i2lspark.jobs.options.StackOptions;
import org.i2lspark.jobs.output.Failure;
import org.i2lspark.jobs.storage.Hashes;
import org.i2lspark.jobs.worker.LoraExport;
import org.i2lspark.jobs.worker.Stack;
import org.i2lspark.jobs.worker.WorkOrder;
import org.i2lspark.lora.Lora;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code i2l image-to-lora}: one style, without Spark. */
@Command(
        name = "image-to-lora",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {"Makes one LoRA from one or more images, without starting Spark.", ""},
        footer = {"", "Example:", "  i2l image-to-lora --models models/ --output my_style.safetensors a.jpg b.png"})
final class ImageToLoraCommand implements Callable<Integer> {
    @Parameters(arity = "1..*", paramLabel = "IMAGE", description = "Images of one style; their order is kept.")
    private List<Path> images;

    @Mixin
    private StackOptions stackOptions;

    @Mixin
    private LoraOptions loraOptions;

    @Mixin
    private ImageLimitOptions limitOptions;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "FILE",
            description = "The LoRA file to write. A local path or a URI.")
    private String output;

    @Option(names = "--overwrite", description = "Replace the file if it is there.")
    private boolean overwrite;

    @Mixin
    private StoreOptions storeOptions;

    @Option(names = "--dry-run", description = "Check the images and the model; write nothing.")
    private boolean dryRun;

    @Mixin
    private ReportOptions report;

    @Override
    public Integer call() throws IOException {
        stackOptions.check();
        loraOptions.check();
        Path models = stackOptions.compute().localModels();
        LoraForm form = loraOptions.form();
        ImageLimits limits = limitOptions.limits();
        if (images.size() > limits.maxImagesPerStyle()) {
            throw new UnusableException("Invalid images: %d (expected at most --max-images-per-style, %d)"
                    .formatted(images.size(), limits.maxImagesPerStyle()));
        }
        LoraStore store = new LoraStore(Sessions.storage(storeOptions.settings()));
        store.check(output, form.keyFormat(), overwrite);
        try (Stack stack = new Stack(stackOptions.settle(), models, 0)) {
            List<String> hashes = new ArrayList<>();
            List<PreparedImage> prepared = prepare(limits, stack, hashes);
            report.announce("Model: %s; runs on %s%n".formatted(stack.model().description(), stack.device()));
            Map<String, Object> facts = facts(stack, hashes);
            if (dryRun) {
                report.document(facts);
                report.say("Dry run: %d images can be used; nothing was written.".formatted(images.size()));
                return 0;
            }
            try (Lora lora = generate(stack, prepared, form)) {
                LoraExport export = new LoraExport(lora, form, Optional.empty(), hashes, WorkOrder.of(stack));
                long bytes = store.write(output, overwrite, export::write);
                facts.put("output", output);
                facts.put("rank", export.rank());
                facts.put("bytes", bytes);
                facts.put("modules", lora.modules().size());
                facts.put("relative_error", export.reductionError());
                report.document(facts);
                String error = export.reductionError() == null
                        ? ""
                        : String.format(Locale.ROOT, " (relative error %.3e)", export.reductionError());
                report.say(String.format(
                        Locale.ROOT,
                        "%s: rank %d%s from %d images, %d modules, %.1f MB",
                        output,
                        export.rank(),
                        error,
                        images.size(),
                        lora.modules().size(),
                        bytes / 1e6));
            }
            return 0;
        }
    }

    private List<PreparedImage> prepare(ImageLimits limits, Stack stack, List<String> hashes) throws UnusableException {
        ImageDecoder decoder = new ImageDecoder(limits.maxPixels());
        List<PreparedImage> prepared = new ArrayList<>();
        for (Path image : images) {
            try {
                if (Files.size(image) > limits.maxBytes()) {
                    throw new UnusableException(
                            "Cannot read %s: it has more than %d bytes; shrink it, or raise --max-image-bytes"
                                    .formatted(image, limits.maxBytes()));
                }
                byte[] bytes = Files.readAllBytes(image);
                hashes.add(Hashes.sha256(bytes));
                prepared.add(ImageToLora.prepare(stack.model(), decoder.decode(bytes)));
            } catch (IOException e) {
                Failure failure = Failure.ofImage(image.toString(), e);
                throw new UnusableException(
                        "[%s] %s".formatted(failure.errorClass().id(), failure.message()), e);
            }
        }
        return prepared;
    }

    private static Lora generate(Stack stack, List<PreparedImage> prepared, LoraForm form) throws IOException {
        List<ImageEmbedding> embeddings = new ArrayList<>();
        for (int i = 0; i < prepared.size(); i += stack.batchSize()) {
            embeddings.addAll(stack.embed(prepared.subList(i, Math.min(i + stack.batchSize(), prepared.size()))));
        }
        return stack.decode(List.of(embeddings), form).get(0);
    }

    private Map<String, Object> facts(Stack stack, List<String> hashes) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("dry_run", dryRun);
        facts.put("model", stack.model().description());
        facts.put("device", stack.device().name());
        facts.put("precision", GenerateOptions.lower(stack.settings().precision()));
        facts.put("image_sha256", hashes);
        return facts;
    }
}
