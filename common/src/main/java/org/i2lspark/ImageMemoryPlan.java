package org.i2lspark;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.i2lspark.MemoryPlan.Way;
import org.i2lspark.diffusion.DitConfig;
import org.i2lspark.diffusion.LoraWay;
import org.i2lspark.diffusion.VaeConfig;
import org.i2lspark.encoder.QwenVlConfig;
import org.i2lspark.model.QwenImageModel;
import org.i2lspark.tokenizer.PromptTemplate;
import org.i2lspark.torch.BlockWeights.Placement;
import org.i2lspark.torch.ElementType;

/**
 * What is in the device's memory while images are made, foreseen from the headers of the checkpoints. The VAE's decoder is small
 * and always there; the factors of LoRAs come on top.
 *
 * @param way how text encoder and transformer share the memory
 * @param streamed whose weights pass through the memory block by block; all others stay as long as {@code way} says
 * @param loraWay how LoRAs act
 * @param bytes that this is foreseen to take at most
 */
public record ImageMemoryPlan(Way way, Set<Part> streamed, LoraWay loraWay, long bytes) {
    /** What can be streamed on its own. */
    public enum Part {
        TEXT_ENCODER,
        TRANSFORMER
    }

    public ImageMemoryPlan {
        streamed = Set.copyOf(streamed);
    }

    /** Everything stays in memory, whatever that takes. */
    public static ImageMemoryPlan everything() {
        return new ImageMemoryPlan(Way.TOGETHER, Set.of(), LoraWay.BESIDE, 0);
    }

    /** Where a part's weights are. */
    public Placement placement(Part part) {
        return streamed.contains(part) ? Placement.STREAMED : Placement.RESIDENT;
    }

    /**
     * The fastest way that fits: all together, with LoRAs fused or beside, or text encoder and transformer in turns, or with as
     * few parts as possible block by block. LoRAs are fused into bfloat16 where the limit is known and leaves room for the copies.
     *
     * @param largest how the largest images are made
     * @param images that are made together
     * @param budget bytes of the device's memory; empty where there is no limit
     * @return empty if even the least does not fit
     */
    public static Optional<ImageMemoryPlan> of(
            QwenImageModel model, ElementType precision, Sampling largest, int images, Optional<Long> budget) {
        return plans(model, precision, largest, images).stream()
                .filter(plan -> plan.loraWay() == LoraWay.BESIDE || budget.isPresent())
                .filter(plan -> plan.bytes() <= budget.orElse(Long.MAX_VALUE))
                .findFirst();
    }

    /** The least memory that images can be made with, in bytes. */
    public static long least(QwenImageModel model, ElementType precision, Sampling largest, int images) {
        return plans(model, precision, largest, images).stream()
                .mapToLong(ImageMemoryPlan::bytes)
                .min()
                .orElseThrow();
    }

    /** From the fastest to the one that takes least. */
    private static List<ImageMemoryPlan> plans(
            QwenImageModel model, ElementType precision, Sampling largest, int images) {
        Estimate estimate = new Estimate(model, precision, largest, images);
        List<ImageMemoryPlan> plans = new ArrayList<>();
        Set<Part> streamed = EnumSet.noneOf(Part.class);
        if (precision == ElementType.BFLOAT16) {
            plans.add(estimate.plan(Way.TOGETHER, streamed, LoraWay.FUSED));
        }
        plans.add(estimate.plan(Way.TOGETHER, streamed, LoraWay.BESIDE));
        plans.add(estimate.plan(Way.IN_TURNS, streamed, LoraWay.BESIDE));
        for (Part part : List.of(Part.TRANSFORMER, Part.TEXT_ENCODER)) {
            streamed.add(part);
            plans.add(estimate.plan(Way.TOGETHER, streamed, LoraWay.BESIDE));
            plans.add(estimate.plan(Way.IN_TURNS, streamed, LoraWay.BESIDE));
        }
        return plans;
    }

    /** For a person. */
    public String description() {
        String parts = streamed.isEmpty()
                ? ""
                : "; block by block: "
                        + streamed.stream()
                                .sorted()
                                .map(part -> switch (part) {
                                    case TEXT_ENCODER -> "text encoder";
                                    case TRANSFORMER -> "transformer";
                                })
                                .collect(Collectors.joining(", "));
        return "text encoder and transformer %s%s, LoRAs %s; about %.1f GiB"
                .formatted(
                        switch (way) {
                            case TOGETHER -> "together";
                            case IN_TURNS -> "in turns";
                        },
                        parts,
                        switch (loraWay) {
                            case BESIDE -> "beside the weights";
                            case FUSED -> "added to copies of the weights";
                        },
                        (double) bytes / (1L << 30));
    }

    /** What each part takes. */
    private record Estimate(QwenImageModel model, ElementType precision, Sampling largest, int images) {
        ImageMemoryPlan plan(Way way, Set<Part> streamed, LoraWay loraWay) {
            long encoding = textWeights(streamed.contains(Part.TEXT_ENCODER)) + textWork();
            long denoising =
                    transformerWeights(streamed.contains(Part.TRANSFORMER)) + Math.max(transformerWork(), vaeWork());
            long bytes = MemoryPlan.OVERHEAD_BYTES
                    + bytes(model.vae().config().parameters())
                    + fusedWeights(loraWay)
                    + switch (way) {
                        case TOGETHER -> encoding + denoising;
                        case IN_TURNS -> Math.max(encoding, denoising);
                    };
            return new ImageMemoryPlan(way, streamed, loraWay, bytes);
        }

        private long fusedWeights(LoraWay loraWay) {
            DitConfig config = model.transformer().config();
            return switch (loraWay) {
                case BESIDE -> 0;
                case FUSED -> bytes(config.blockParameters() + config.endParameters());
            };
        }

        private long bytes(long numbers) {
            return numbers * precision.byteSize();
        }

        private long textWeights(boolean streamed) {
            QwenVlConfig config = model.textEncoder().config();
            return bytes(inMemory(config.languageParameters(), config.layers(), streamed));
        }

        private static long inMemory(long numbers, int blocks, boolean streamed) {
            return streamed ? MemoryPlan.BLOCKS_IN_MEMORY * (numbers / blocks + 1) : numbers;
        }

        private long textWork() {
            return bytes(model.textEncoder().config().languageWorkElements(PromptTemplate.MAX_TOKENS));
        }

        /** The weights of the modulations pass before those of the blocks do, but beside those that stay. */
        private long transformerWeights(boolean streamed) {
            DitConfig config = model.transformer().config();
            long blocks = inMemory(config.blockParameters(), config.layers(), streamed);
            long modulations = MemoryPlan.BLOCKS_IN_MEMORY * config.modulationParameters();
            return bytes(config.endParameters() + (streamed ? Math.max(blocks, modulations) : blocks + modulations));
        }

        private long transformerWork() {
            DitConfig config = model.transformer().config();
            int passes = largest.isGuided() ? 2 * images : images;
            long tokens = (long) largest.rows() * largest.columns() + PromptTemplate.MAX_EMBEDDINGS;
            // those without LoRAs, those of each image's, and these beside each other for a batch
            long modulations = config.modulationElements(largest.steps()) * (1 + images + passes);
            return bytes(modulations + passes * tokens * config.workElementsOfAToken(precision));
        }

        private long vaeWork() {
            VaeConfig config = model.vae().config();
            return config.workBytes((long) largest.width() * largest.height(), precision);
        }
    }
}
