package org.i2lspark;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.i2lspark.ImageMemoryPlan.Part;
import org.i2lspark.diffusion.DiffusionTransformer;
import org.i2lspark.diffusion.VaeDecoder;
import org.i2lspark.encoder.PromptEmbedding;
import org.i2lspark.encoder.PromptEncoder;
import org.i2lspark.image.RgbImage;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.model.QwenImageModel;
import org.i2lspark.tokenizer.PromptTemplate;
import org.i2lspark.torch.DeviceMemoryException;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.UnusableLibraryException;

/**
 * Qwen-Image with its weights loaded: prompts and LoRAs in, images out, as diffusers' {@code QwenImagePipeline} makes them. Calls
 * take turns.
 *
 * <pre>{@code
 * QwenImageModel model = QwenImageModel.inspect(Path.of("models"));
 * try (TextToImage textToImage = TextToImage.load(model, ElementType.FLOAT32, TorchDevice.CPU);
 *         LoraFile lora = LoraFile.open(Path.of("style.safetensors"))) {
 *     WeightedLora style = new WeightedLora("style.safetensors", lora, 1);
 *     ImageRequest request = new ImageRequest("a cat", Optional.empty(), 0, List.of(style));
 *     List<RgbImage> images = textToImage.generate(List.of(request), Sampling.ofSize(1024, 1024), (done, steps) -> {});
 * }
 * }</pre>
 */
public final class TextToImage implements AutoCloseable {
    private final QwenImageModel model;
    private final TorchDevice device;
    private final DeviceShare share;
    private final DeviceShare.Part<PromptEncoder> promptEncoder;
    private final DeviceShare.Part<DiffusionTransformer> transformer;
    private final VaeDecoder vae;
    private final PromptCache cache = new PromptCache();
    private final Halving halving = new Halving();

    /** Is told how far images are. */
    @FunctionalInterface
    public interface StepListener {
        /**
         * A step was done for all images. What this throws ends the work.
         *
         * @param done how many were; starts again where memory does not hold all images, and parts of them take turns
         * @param steps how many there are
         */
        void stepped(int done, int steps);
    }

    private TextToImage(QwenImageModel model, ElementType precision, TorchDevice device, ImageMemoryPlan plan)
            throws IOException {
        this.model = model;
        this.device = device;
        this.share = new DeviceShare(plan.way(), device);
        this.promptEncoder = share.add(() -> PromptEncoder.load(
                model.textEncoder().checkpoint()::open,
                model.textEncoder().config(),
                precision,
                device,
                plan.placement(Part.TEXT_ENCODER)));
        this.transformer = share.add(() -> DiffusionTransformer.load(
                model.transformer().checkpoint()::open,
                model.transformer().config(),
                precision,
                device,
                plan.placement(Part.TRANSFORMER),
                plan.loraWay()));
        this.vae = VaeDecoder.load(model.vae().checkpoint()::open, model.vae().config(), precision, device);
        try {
            share.load();
        } catch (Throwable e) {
            vae.close();
            throw e;
        }
    }

    /**
     * Loads the weights, in this precision, onto this device; none go onto the Java heap.
     *
     * @throws UnusableLibraryException if this process has no libtorch, naming what to add or set
     */
    public static TextToImage load(QwenImageModel model, ElementType precision, TorchDevice device) throws IOException {
        return load(model, precision, device, ImageMemoryPlan.everything());
    }

    /** Loads the weights as far as a plan says that they are to be in the device's memory; the results are the same. */
    public static TextToImage load(
            QwenImageModel model, ElementType precision, TorchDevice device, ImageMemoryPlan plan) throws IOException {
        requireNonNull(model, "model is null");
        Torch.requireUsable();
        return new TextToImage(model, precision, device, plan);
    }

    /**
     * Makes images, all of them together, or halves of them one after the other where the memory does not hold all. A prompt is
     * encoded once, also across calls.
     *
     * @return an image for each request
     * @throws IOException if a LoRA cannot be read or is for a transformer of other sizes
     * @throws IllegalArgumentException if a prompt is too long
     * @throws DeviceMemoryException if the memory does not hold a single image
     */
    public synchronized List<RgbImage> generate(List<ImageRequest> requests, Sampling sampling, StepListener listener)
            throws IOException {
        for (ImageRequest request : requests) {
            for (WeightedLora lora : request.loras()) {
                model.requireFit(lora.name(), lora.source());
            }
        }
        if (requests.isEmpty()) {
            return List.of();
        }
        List<Sampler.Image> images = encode(requests, sampling);
        try {
            return halving.run(
                    images,
                    batch -> generateTogether(batch, sampling, listener),
                    image -> {},
                    "Cannot make an image on " + device);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private List<Sampler.Image> encode(List<ImageRequest> requests, Sampling sampling) throws IOException {
        Map<String, PromptEmbedding> embeddings = embeddings(prompts(requests, sampling));
        return requests.stream()
                .map(request -> new Sampler.Image(
                        embeddings.get(request.prompt()),
                        embeddings.get(negativePrompt(request)),
                        request.seed(),
                        request.loras()))
                .toList();
    }

    private static Set<String> prompts(List<ImageRequest> requests, Sampling sampling) {
        Set<String> prompts = new LinkedHashSet<>();
        for (ImageRequest request : requests) {
            prompts.add(request.prompt());
            if (sampling.isGuided()) {
                prompts.add(negativePrompt(request));
            }
        }
        return prompts;
    }

    private static String negativePrompt(ImageRequest request) {
        return request.negativePrompt().orElse(ImageRequest.DEFAULT_NEGATIVE_PROMPT);
    }

    private Map<String, PromptEmbedding> embeddings(Set<String> prompts) throws IOException {
        Map<String, PromptEmbedding> embeddings = new HashMap<>();
        Map<String, List<Integer>> others = new HashMap<>();
        for (String prompt : prompts) {
            cache.get(prompt)
                    .ifPresentOrElse(
                            known -> embeddings.put(prompt, known),
                            () -> others.put(prompt, model.prompts().encode(prompt)));
        }
        if (!others.isEmpty()) {
            share.use(promptEncoder, encoder -> {
                for (Map.Entry<String, List<Integer>> other : others.entrySet()) {
                    PromptEmbedding embedding = encoder.encode(other.getValue(), PromptTemplate.DROPPED_TOKENS)
                            .first(PromptTemplate.MAX_EMBEDDINGS);
                    embeddings.put(other.getKey(), embedding);
                    cache.put(other.getKey(), embedding);
                }
                return embeddings;
            });
        }
        return embeddings;
    }

    private List<RgbImage> generateTogether(List<Sampler.Image> images, Sampling sampling, StepListener listener) {
        try (TensorScope scope = new TensorScope()) {
            List<Tensor> latents =
                    sample(scope, images, sampling, (done, places) -> listener.stepped(done, sampling.steps()));
            List<RgbImage> decoded = new ArrayList<>();
            latents.forEach(image -> decoded.add(vae.decode(image)));
            return decoded;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private List<Tensor> sample(
            TensorScope scope, List<Sampler.Image> images, Sampling sampling, Sampler.Observer observer)
            throws IOException {
        float[] sigmas = sampling.scheduler()
                .levels(model.scheduler())
                .sigmas(sampling.steps(), sampling.rows() * sampling.columns());
        return share.use(
                transformer,
                loaded -> new Sampler(loaded, sampling, sigmas, device)
                        .sample(scope, images, model.transformer().config().latentChannels(), observer));
    }

    /** How often images that were to be made together were halved, because the memory did not hold them. */
    public int halvings() {
        return halving.count();
    }

    @Override
    public synchronized void close() {
        share.close();
        vae.close();
    }
}
