package org.i2lspark;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.i2lspark.diffusion.Conditioning;
import org.i2lspark.diffusion.Denoising;
import org.i2lspark.diffusion.DiffusionTransformer;
import org.i2lspark.diffusion.FlowMatch;
import org.i2lspark.encoder.PromptEmbedding;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;

/** Takes images from noise to latents with the transformer, all of them together. */
final class Sampler {
    private final DiffusionTransformer transformer;
    private final Sampling sampling;
    private final float[] sigmas;
    private final TorchDevice device;

    /** An image that is wanted, with its prompts encoded. */
    record Image(PromptEmbedding prompt, PromptEmbedding negativePrompt, long seed, List<WeightedLora> loras) {}

    /** Is told of each step. */
    @FunctionalInterface
    interface Observer {
        /**
         * A step was done.
         *
         * @param done how many were
         * @param latents where the images are, valid during the call
         */
        void stepped(int done, List<Tensor> latents);
    }

    /**
     * A sampler.
     *
     * @param sigmas a noise level for each step, and what is left after the last
     */
    Sampler(DiffusionTransformer transformer, Sampling sampling, float[] sigmas, TorchDevice device) {
        this.transformer = transformer;
        this.sampling = sampling;
        this.sigmas = sigmas;
        this.device = device;
    }

    /**
     * Samples latents.
     *
     * @param scope takes the result
     * @return of each image, {@code [channels, height / 8, width / 8]} float32, on the device
     */
    List<Tensor> sample(TensorScope scope, List<Image> images, int channels, Observer observer) throws IOException {
        float[] levels = Arrays.copyOf(sigmas, sampling.steps());
        try (TensorScope temporary = new TensorScope();
                Denoising denoising =
                        transformer.start(conditionings(images), sampling.rows(), sampling.columns(), levels)) {
            List<Tensor> latents = new ArrayList<>();
            for (Image image : images) {
                latents.add(noise(temporary, image.seed(), channels));
            }
            for (int step = 0; step < sampling.steps(); step++) {
                List<Tensor> next = step(temporary, denoising, step, latents);
                latents.forEach(Tensor::close);
                latents = next;
                observer.stepped(step + 1, latents);
            }
            return latents.stream()
                    .map(tokens -> FlowMatch.unpack(scope, tokens, sampling.rows(), sampling.columns()))
                    .toList();
        }
    }

    /** Those with the prompts, and behind them, where there is guidance, those with the negative ones. */
    private List<Conditioning> conditionings(List<Image> images) {
        List<Conditioning> all = new ArrayList<>();
        images.forEach(image -> all.add(new Conditioning(image.prompt(), image.loras())));
        if (sampling.isGuided()) {
            images.forEach(image -> all.add(new Conditioning(
                    image.negativePrompt(),
                    switch (sampling.loraScope()) {
                        case BOTH -> image.loras();
                        case POSITIVE_ONLY -> List.of();
                    })));
        }
        return all;
    }

    private Tensor noise(TensorScope scope, long seed, int channels) {
        try (TensorScope temporary = new TensorScope()) {
            Tensor noise =
                    FlowMatch.noise(temporary, channels, sampling.rows(), sampling.columns(), seed, sampling.noise());
            return FlowMatch.pack(scope, noise, device);
        }
    }

    private List<Tensor> step(TensorScope scope, Denoising denoising, int step, List<Tensor> latents) {
        try (TensorScope temporary = new TensorScope()) {
            List<Tensor> places = new ArrayList<>(latents);
            if (sampling.isGuided()) {
                places.addAll(latents);
            }
            List<Tensor> velocities = denoising.velocities(temporary, step, places);
            List<Tensor> next = new ArrayList<>();
            for (int i = 0; i < latents.size(); i++) {
                Tensor velocity = sampling.isGuided()
                        ? guide(temporary, velocities.get(i), velocities.get(latents.size() + i))
                        : velocities.get(i);
                next.add(FlowMatch.step(scope, latents.get(i), velocity, sigmas[step], sigmas[step + 1]));
            }
            return next;
        }
    }

    private Tensor guide(TensorScope scope, Tensor wanted, Tensor unwanted) {
        Tensor guided = FlowMatch.guide(scope, wanted, unwanted, sampling.guidanceScale());
        return switch (sampling.guidanceRescaling()) {
            case TO_CONDITIONAL -> FlowMatch.rescale(scope, guided, wanted);
            case NONE -> guided;
        };
    }
}
