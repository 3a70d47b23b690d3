package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.i2lspark.ImageMemoryPlan;
import org.i2lspark.ImageRequest;
import org.i2lspark.Sampling;
import org.i2lspark.Sampling.GuidanceRescaling;
import org.i2lspark.Sampling.LoraScope;
import org.i2lspark.Sampling.Scheduler;
import org.i2lspark.TextToImage;
import org.i2lspark.TextToImage.StepListener;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.ByteSize;
import org.i2lspark.jobs.options.GuidanceRescale;
import org.i2lspark.jobs.options.PictureSettings;
import org.i2lspark.jobs.options.PictureStackSettings;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.model.QwenImageModel;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.GpuMemory;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;

/** Qwen-Image on one device. Headers are read at once, weights when the first pictures are made. */
public final class QwenPictureStack implements PictureStack {
    /** Of a prompt in a message. */
    private static final int SHOWN_CHARACTERS = 40;

    private final PictureStackSettings settings;
    private final String title;
    private final QwenImageModel model;
    private final TorchDevice device;
    private final ImageMemoryPlan plan;
    private TextToImage weights;

    /**
     * Reads the checkpoints' headers.
     *
     * @param largest how the largest pictures are going to be made
     * @param models folder of checkpoints on this machine
     * @param gpu index of the GPU to use, if one is used
     * @throws UnusableException if the model or the device cannot be used, saying why
     */
    public QwenPictureStack(PictureStackSettings settings, PictureSettings largest, Path models, int gpu)
            throws UnusableException {
        this.settings = settings;
        this.title = largest.model().title();
        try {
            this.model = QwenImageModel.inspect(models, largest.model());
            this.device = settings.device().resolve(gpu);
            Torch.useThreads(Stack.threads(device));
            this.plan = plan(largest);
        } catch (IOException e) {
            throw new UnusableException(Problems.describe(e), e);
        }
    }

    private ImageMemoryPlan plan(PictureSettings largest) throws UnusableException {
        Optional<Long> budget = GpuMemory.budget(device, settings.gpuMemory());
        Sampling sampling = sampling(largest);
        Optional<ImageMemoryPlan> found =
                ImageMemoryPlan.of(model, settings.precision(), sampling, settings.batchSize(), budget);
        if (found.isEmpty()) {
            long least = ImageMemoryPlan.least(model, settings.precision(), sampling, settings.batchSize());
            throw new UnusableException(
                    "Cannot run in %s of GPU memory: %d pictures at once take at least %s; see --gpu-memory, --batch-size and the size"
                            .formatted(
                                    ByteSize.text(budget.orElseThrow()), settings.batchSize(), ByteSize.text(least)));
        }
        return found.get();
    }

    /** What is in the device's memory at a time, for a person. */
    public String memory() {
        return plan.description();
    }

    /** What the model is, for a person. */
    public String description() {
        return title + ": " + model.description();
    }

    public TorchDevice device() {
        return device;
    }

    /** For each checkpoint {@code layout fingerprint:content fingerprint}. */
    public Map<String, String> checkpoints() {
        return model.fingerprints();
    }

    @Override
    public synchronized void load() throws IOException {
        if (weights == null) {
            weights = TextToImage.load(model, settings.precision(), device, plan);
        }
    }

    @Override
    public synchronized List<RgbImage> make(List<ImageRequest> pictures, PictureSettings picture, StepListener listener)
            throws IOException {
        load();
        return weights.generate(pictures, sampling(picture), listener);
    }

    private static Sampling sampling(PictureSettings picture) {
        return new Sampling(
                picture.width(),
                picture.height(),
                picture.steps(),
                picture.guidanceScale(),
                picture.rescale() == GuidanceRescale.ON ? GuidanceRescaling.TO_CONDITIONAL : GuidanceRescaling.NONE,
                Scheduler.valueOf(picture.scheduler().name()),
                LoraScope.valueOf(picture.loraPasses().name()),
                ElementType.FLOAT32);
    }

    /**
     * Refuses pictures that cannot be made, by the headers of checkpoints and LoRAs and by the tokenizer alone.
     *
     * @throws UnusableException if a prompt is too long, or a LoRA is for another transformer
     */
    public void check(List<ImageRequest> pictures, PictureSettings picture) throws UnusableException {
        try {
            for (ImageRequest one : pictures) {
                requireEncodable(one.prompt());
                if (picture.isGuided()) {
                    requireEncodable(one.negativePrompt().orElse(ImageRequest.DEFAULT_NEGATIVE_PROMPT));
                }
                for (WeightedLora lora : one.loras()) {
                    model.requireFit(lora.name(), lora.source());
                }
            }
        } catch (IOException e) {
            throw new UnusableException(Problems.describe(e), e);
        }
    }

    private void requireEncodable(String prompt) throws UnusableException {
        try {
            model.prompts().encode(prompt);
        } catch (IllegalArgumentException e) {
            int end = Math.min(prompt.length(), SHOWN_CHARACTERS);
            throw new UnusableException(
                    "%s: '%s …'".formatted(e.getMessage(), Problems.printable(prompt.substring(0, end))), e);
        }
    }

    @Override
    public synchronized void close() {
        if (weights != null) {
            weights.close();
            weights = null;
        }
    }
}
