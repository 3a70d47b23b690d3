package org.i2lspark.jobs.bench;

import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.i2lspark.ImageRequest;
import org.i2lspark.Sampling;
import org.i2lspark.Sampling.GuidanceRescaling;
import org.i2lspark.Sampling.LoraScope;
import org.i2lspark.Sampling.Scheduler;
import org.i2lspark.TextToImage;
import org.i2lspark.diffusion.Conditioning;
import org.i2lspark.diffusion.Denoising;
import org.i2lspark.diffusion.DiffusionTransformer;
import org.i2lspark.diffusion.FlowMatch;
import org.i2lspark.diffusion.LoraWay;
import org.i2lspark.diffusion.VaeDecoder;
import org.i2lspark.encoder.PromptEmbedding;
import org.i2lspark.encoder.PromptEncoder;
import org.i2lspark.jobs.worker.Stack;
import org.i2lspark.model.QwenImageModel;
import org.i2lspark.tokenizer.PromptTemplate;
import org.i2lspark.torch.BlockWeights.Placement;
import org.i2lspark.torch.DeviceStream;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;

/** Times the parts of making images, each loaded alone, and all of it. */
final class ImageBench {
    private static final String PROMPT = "a watercolour of a lighthouse above a grey sea, seen from the dunes";
    private static final int STEPS = 4;

    private final QwenImageModel model;
    private final ElementType precision;
    private final TorchDevice device;
    private final int batch;
    private final Sampling sampling;
    private final StageTimer timer;

    ImageBench(QwenImageModel model, Stack stack, Sampling sampling, StageTimer timer) {
        this.model = model;
        this.precision = stack.settings().precision();
        this.device = stack.device();
        this.batch = stack.batchSize();
        this.sampling = sampling;
        this.timer = timer;
    }

    /**
     * How images are made of which each part is timed: as with a model that was distilled to four steps.
     *
     * @param side of the images, in pixels
     * @throws IllegalArgumentException if images cannot be of this size
     */
    static Sampling sampling(int side) {
        return new Sampling(
                side,
                side,
                STEPS,
                1,
                GuidanceRescaling.TO_CONDITIONAL,
                Scheduler.LIGHTNING,
                LoraScope.BOTH,
                ElementType.FLOAT32);
    }

    /** Times all parts. */
    void run() throws IOException {
        PromptEmbedding prompt = encode();
        try (TensorScope scope = new TensorScope()) {
            denoise(scope, prompt);
            decode(scope);
        }
        generate();
    }

    private PromptEmbedding encode() throws IOException {
        List<Integer> ids = model.prompts().encode(PROMPT);
        try (PromptEncoder encoder = PromptEncoder.load(
                model.textEncoder().checkpoint()::open,
                model.textEncoder().config(),
                precision,
                device,
                Placement.RESIDENT)) {
            timer.time(
                    "text encoder, %d tokens".formatted(ids.size()),
                    1,
                    Cost.language(model.textEncoder().config(), ids.size(), precision),
                    () -> encoder.encode(ids, PromptTemplate.DROPPED_TOKENS));
            return encoder.encode(ids, PromptTemplate.DROPPED_TOKENS);
        }
    }

    private void denoise(TensorScope scope, PromptEmbedding prompt) throws IOException {
        int tokens = sampling.width() / Sampling.CELL;
        List<Tensor> latents = IntStream.range(0, batch)
                .mapToObj(seed -> FlowMatch.pack(scope, noise(scope, seed), device))
                .toList();
        List<Conditioning> prompts = Collections.nCopies(batch, new Conditioning(prompt, List.of()));
        try (DiffusionTransformer transformer = DiffusionTransformer.load(
                        model.transformer().checkpoint()::open,
                        model.transformer().config(),
                        precision,
                        device,
                        Placement.RESIDENT,
                        LoraWay.BESIDE);
                Denoising denoising = transformer.start(prompts, tokens, tokens, new float[] {1})) {
            timer.time(
                    "transformer at " + sampling.width(),
                    batch,
                    Cost.transformer(model.transformer().config(), tokens * tokens, prompt.tokens(), precision),
                    () -> {
                        try (TensorScope temporary = new TensorScope()) {
                            denoising.velocities(temporary, 0, latents);
                            DeviceStream.finish(device);
                        }
                    });
        }
    }

    private Tensor noise(TensorScope scope, int seed) {
        int tokens = sampling.width() / Sampling.CELL;
        return FlowMatch.noise(
                scope, model.transformer().config().latentChannels(), tokens, tokens, seed, ElementType.FLOAT32);
    }

    private void decode(TensorScope scope) throws IOException {
        int tokens = sampling.width() / Sampling.CELL;
        Tensor latents = FlowMatch.unpack(scope, FlowMatch.pack(scope, noise(scope, 0), device), tokens, tokens);
        try (VaeDecoder decoder =
                VaeDecoder.load(model.vae().checkpoint()::open, model.vae().config(), precision, device)) {
            timer.time("VAE at " + sampling.width(), 1, Cost.NONE, () -> decoder.decode(latents));
        }
    }

    private void generate() throws IOException {
        List<ImageRequest> requests = IntStream.range(0, batch)
                .mapToObj(seed -> new ImageRequest(PROMPT, Optional.empty(), seed, List.of()))
                .toList();
        try (TextToImage textToImage = TextToImage.load(model, precision, device)) {
            timer.time(
                    "image of %d steps at %d".formatted(STEPS, sampling.width()),
                    batch,
                    Cost.NONE,
                    () -> textToImage.generate(requests, sampling, (done, steps) -> {}));
        }
    }
}
