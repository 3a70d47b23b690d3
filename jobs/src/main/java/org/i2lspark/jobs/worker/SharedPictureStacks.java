package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.apache.hadoop.fs.FileUtil;
import org.i2lspark.ImageRequest;
import org.i2lspark.TextToImage.StepListener;
import org.i2lspark.image.RgbImage;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.PictureSettings;
import org.i2lspark.jobs.options.PictureStackChoice;
import org.i2lspark.jobs.options.PictureStackSettings;
import org.i2lspark.jobs.options.PreviewSpec;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.model.QwenImageModel;
import org.i2lspark.torch.Torch;

/** What this process makes pictures with, for all its tasks: a stack for each GPU. */
public final class SharedPictureStacks {
    private static SharedPictureStacks current;

    private final PictureStackSettings settings;
    private final PictureSettings largest;
    private final Path models;
    private final QwenPictureStack first;
    private final Set<Integer> gpus = new HashSet<>();
    private final BlockingQueue<PictureStack> idle = new LinkedBlockingQueue<>();
    private boolean retired;
    private String hashedLora;
    private String hash;

    private SharedPictureStacks(PictureStackSettings settings, PictureSettings largest, Path models)
            throws UnusableException {
        this.settings = settings;
        this.largest = largest;
        this.models = models;
        int gpu = GpuStage.indexes(settings.device()).get(0);
        this.first = new QwenPictureStack(settings, largest, models, gpu);
        gpus.add(gpu);
        idle.add(first);
    }

    /**
     * Finds out what this executor can do.
     *
     * @throws UnusableException if it cannot do what is asked
     */
    public static PictureOrder settle(PictureStackChoice choice, PreviewSpec spec, Storage storage)
            throws UnusableException {
        SharedPictureStacks stacks = of(choice.settle(GpuStage.first()), spec.picture(), storage);
        check(stacks.first, spec, storage);
        return stacks.order(spec, storage);
    }

    /**
     * The same for a run that is not to take place: checkpoints of another store are not copied, and have no fingerprints.
     *
     * @throws UnusableException if this executor cannot do what is asked
     */
    public static PictureOrder foresee(PictureStackChoice choice, PreviewSpec spec, Storage storage)
            throws UnusableException {
        Path scratch = null;
        try {
            scratch = Files.createTempDirectory("i2l-outline");
            PictureStackSettings settings = choice.settle(GpuStage.first());
            Path models = CheckpointCache.outline(
                    settings.models(), QwenImageModel.sources(spec.picture().model()), storage, scratch);
            try (QwenPictureStack stack = new QwenPictureStack(settings, spec.picture(), models, GpuStage.first())) {
                check(stack, spec, storage);
                return new PictureOrder(
                        settings,
                        stack.description(),
                        stack.memory(),
                        Torch.library().build(),
                        Map.of(),
                        null);
            }
        } catch (UnusableException e) {
            throw e;
        } catch (IOException e) {
            throw new UnusableException("Cannot plan: " + Problems.describe(e), e);
        } finally {
            FileUtil.fullyDelete(scratch == null ? null : scratch.toFile());
        }
    }

    private static void check(QwenPictureStack stack, PreviewSpec spec, Storage storage) throws UnusableException {
        List<WeightedLora> loras = new ArrayList<>();
        Optional<String> distilled = spec.distilledLora();
        try (LoraFile file = distilled.isEmpty() ? null : open(storage, distilled.get())) {
            if (file != null) {
                loras.add(new WeightedLora(distilled.get(), file, 1));
            }
            List<ImageRequest> requests = spec.prompts().stream()
                    .map(prompt -> new ImageRequest(prompt, Optional.of(spec.negativePrompt()), spec.seed(), loras))
                    .toList();
            stack.check(requests, spec.picture());
        } catch (UnusableException e) {
            throw e;
        } catch (IOException e) {
            throw new UnusableException(Problems.describe(e), e);
        }
    }

    private static LoraFile open(Storage storage, String location) throws IOException {
        return StoredLoras.open(storage, new org.apache.hadoop.fs.Path(location), location);
    }

    private synchronized PictureOrder order(PreviewSpec spec, Storage storage) throws UnusableException {
        Optional<String> distilled = spec.distilledLora();
        if (distilled.isPresent() && !distilled.get().equals(hashedLora)) {
            try {
                hash = StoredLoras.sha256(storage, new org.apache.hadoop.fs.Path(distilled.get()), distilled.get());
                hashedLora = distilled.get();
            } catch (IOException e) {
                throw new UnusableException(Problems.describe(e), e);
            }
        }
        return new PictureOrder(
                settings,
                first.description(),
                first.memory(),
                Torch.library().build(),
                first.checkpoints(),
                distilled.isPresent() ? hash : null);
    }

    /**
     * Those of this process for a run that was settled elsewhere, with all GPUs that its task may use.
     *
     * @throws UnusableException if this process cannot do the same
     */
    public static synchronized SharedPictureStacks of(PictureOrder order, PreviewSpec spec, Storage storage)
            throws UnusableException {
        SharedPictureStacks shared = of(order.stack(), spec.picture(), storage);
        order.requireSame(shared.order(spec, storage));
        // it may be what made the LoRAs just now
        SharedStacks.retire();
        for (int gpu : GpuStage.indexes(order.stack().device())) {
            if (shared.gpus.add(gpu)) {
                shared.idle.add(new QwenPictureStack(shared.settings, shared.largest, shared.models, gpu));
            }
        }
        return shared;
    }

    /** Others replace those of other settings, which only tests do. */
    private static synchronized SharedPictureStacks of(
            PictureStackSettings settings, PictureSettings largest, Storage storage) throws UnusableException {
        if (current == null || !current.settings.equals(settings) || !current.largest.equals(largest)) {
            if (current != null) {
                current.retire();
            }
            current = new SharedPictureStacks(
                    settings,
                    largest,
                    CheckpointCache.localFolder(settings.models(), QwenImageModel.sources(largest.model()), storage));
        }
        return current;
    }

    /** Gives the memory back; a stack that is at work does so when it has done that. */
    private synchronized void retire() {
        retired = true;
        idle.forEach(PictureStack::close);
    }

    private synchronized void giveBack(PictureStack stack) {
        if (retired) {
            stack.close();
        }
        idle.add(stack);
    }

    /** Whichever stack is idle when pictures are wanted. */
    PictureStack stack() {
        return new PictureStack() {
            @Override
            public void load() throws IOException {
                with(stack -> {
                    stack.load();
                    return null;
                });
            }

            @Override
            public List<RgbImage> make(List<ImageRequest> pictures, PictureSettings picture, StepListener listener)
                    throws IOException {
                return with(stack -> stack.make(pictures, picture, listener));
            }

            @Override
            public void close() {}
        };
    }

    @FunctionalInterface
    private interface Work<T> {
        T on(PictureStack stack) throws IOException;
    }

    private <T> T with(Work<T> work) throws IOException {
        PictureStack stack;
        try {
            stack = idle.take();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("the task was cancelled").initCause(e);
        }
        try {
            return work.on(stack);
        } finally {
            giveBack(stack);
        }
    }
}
