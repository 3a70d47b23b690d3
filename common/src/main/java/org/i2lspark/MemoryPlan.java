package org.i2lspark;

import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.decoder.DecoderSizes;
import org.i2lspark.decoder.LoraMerger;
import org.i2lspark.encoder.DinoV3Config;
import org.i2lspark.encoder.QwenVlConfig;
import org.i2lspark.encoder.SigLip2Config;
import org.i2lspark.image.RgbImage;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.Network;
import org.i2lspark.safetensors.TensorStore;
import org.i2lspark.torch.BlockWeights.Placement;
import org.i2lspark.torch.ElementType;

/**
 * What is in the device's memory at a time, foreseen from the headers of the checkpoints.
 *
 * @param way how encoders and decoders share the memory
 * @param streamed whose weights pass through the memory block by block; all others stay as long as {@code way} says
 * @param qwenVlBatch how many images Qwen2.5-VL looks at together
 * @param chunk how many images are worth embedding before decoding
 * @param bytes that this is foreseen to take at most
 */
public record MemoryPlan(Way way, Set<Part> streamed, int qwenVlBatch, int chunk, long bytes) {
    /** A CUDA context, the libraries' workspaces, and what lies idle between blocks of memory. */
    static final long OVERHEAD_BYTES = 1L << 30;
    /** Batches that are embedded before decoders take the memory: loading should take little of the time. */
    private static final int BATCHES_PER_TURN = 32;
    /** A block that is used and the next one, and what comes before and after all blocks. */
    static final int BLOCKS_IN_MEMORY = 3;

    /** How parts such as encoders and decoders share the device's memory. */
    public enum Way {
        /** All are there. */
        TOGETHER,
        /** One is there at a time: encoders while images are embedded, decoders while styles are decoded. */
        IN_TURNS
    }

    /** What can be streamed on its own. */
    public enum Part {
        SIGLIP2,
        DINOV3,
        QWEN_VL,
        RESIDUALS,
        DECODERS
    }

    /** What a part takes of memory when all of it is there, and when its blocks pass. */
    private record Size(Part part, long all, long passing) {}

    public MemoryPlan {
        streamed = streamed.isEmpty() ? Set.of() : Set.copyOf(streamed);
    }

    /** Everything stays in memory, whatever that takes. */
    public static MemoryPlan everything(int batchSize) {
        return new MemoryPlan(Way.TOGETHER, Set.of(), batchSize, batchSize, 0);
    }

    /** Whether all weights stay in memory, so that encoders and decoders can run at once. */
    public boolean isAllResident() {
        return way == Way.TOGETHER && streamed.isEmpty();
    }

    /** Where a part's weights are. */
    public Placement placement(Part part) {
        return streamed.contains(part) ? Placement.STREAMED : Placement.RESIDENT;
    }

    /**
     * The fastest way that fits: all together, or encoders and decoders in turns, or with as few parts as possible block by
     * block.
     *
     * @param budget bytes of the device's memory; empty where there is no limit
     * @return empty if even the least does not fit
     */
    public static Optional<MemoryPlan> of(I2lModel model, ElementType precision, int batchSize, Optional<Long> budget)
            throws IOException {
        Estimate estimate = Estimate.of(model, precision, batchSize);
        if (budget.isEmpty()) {
            return Optional.of(estimate.plan(Way.TOGETHER, Set.of(), batchSize));
        }
        return estimate.plans().stream()
                .filter(plan -> plan.bytes() <= budget.get())
                .findFirst();
    }

    /** The least memory that a stack can do with, in bytes. */
    public static long least(I2lModel model, ElementType precision, int batchSize) throws IOException {
        return Estimate.of(model, precision, batchSize).plans().stream()
                .mapToLong(MemoryPlan::bytes)
                .min()
                .orElseThrow();
    }

    /** For a person. */
    public String description() {
        String parts = streamed.isEmpty()
                ? ""
                : "; block by block: "
                        + String.join(
                                ", ",
                                streamed.stream()
                                        .sorted()
                                        .map(MemoryPlan::title)
                                        .toList());
        return "%s%s; about %.1f GiB"
                .formatted(
                        switch (way) {
                            case TOGETHER -> "all of it together";
                            case IN_TURNS -> "encoders and decoders in turns of %d images".formatted(chunk);
                        },
                        parts,
                        (double) bytes / (1L << 30));
    }

    private static String title(Part part) {
        return switch (part) {
            case SIGLIP2 -> "SigLIP2";
            case DINOV3 -> "DINOv3";
            case QWEN_VL -> "Qwen2.5-VL";
            case RESIDUALS, DECODERS -> part.name().toLowerCase(Locale.ROOT);
        };
    }

    /** What each part takes. */
    private record Estimate(List<Size> sizes, long embedding, long perQwenVlImage, long decoding, int batchSize) {

        static Estimate of(I2lModel model, ElementType precision, int batchSize) throws IOException {
            long width = precision.byteSize();
            List<Size> sizes = new ArrayList<>();
            long crop = (long) RgbImage.CHANNELS * ImageToLora.CROP_SIZE * ImageToLora.CROP_SIZE;
            long perImage = 0;
            if (model.encoders().isPresent()) {
                SigLip2Config siglip2 = model.encoders().get().siglip2().config();
                DinoV3Config dinov3 = model.encoders().get().dinov3().config();
                sizes.add(blocks(Part.SIGLIP2, siglip2.parameters() * width, siglip2.layers()));
                sizes.add(blocks(Part.DINOV3, dinov3.parameters() * width, dinov3.layers()));
                // a crop as bytes and twice as floats, while it is resized
                perImage = Math.max(9 * crop, Math.max(siglip2.workElements(), dinov3.workElements()) * width) + crop;
            }
            Optional<QwenVlConfig> qwenVl = model.qwenVl().map(Network::config);
            qwenVl.ifPresent(config -> sizes.add(blocks(Part.QWEN_VL, config.parameters() * width, config.layers())));
            long factors = 0;
            long factorsPassing = 0;
            long residuals = 0;
            long residualsPassing = 0;
            for (I2lModel.Decoder decoder : model.decoders()) {
                try (TensorStore store = decoder.checkpoint().open()) {
                    DecoderSizes counts = DecoderSizes.of(store, decoder.layout());
                    factors += counts.factors() * width;
                    factorsPassing = Math.max(factorsPassing, counts.factorsPassing() * width);
                    residuals += counts.residual() * width;
                    residualsPassing = Math.max(residualsPassing, counts.residualPassing() * width);
                }
            }
            sizes.add(new Size(Part.RESIDUALS, residuals, residualsPassing));
            sizes.add(new Size(Part.DECODERS, factors, factorsPassing));
            long perQwenVlImage =
                    qwenVl.isEmpty() ? 0 : 9 * crop + qwenVl.get().workElements(ImageToLora.CROP_SIZE) * width;
            long lora = model.decoders().get(0).layout().modules().stream()
                            .mapToLong(module -> module.in() + module.out())
                            .sum()
                    * DecoderLayout.RANK
                    * model.decoders().size()
                    * width;
            long together = Math.max(lora, Math.min(LoraMerger.TOGETHER_BYTES, lora * batchSize));
            return new Estimate(sizes, perImage * batchSize, perQwenVlImage, together + together / 2, batchSize);
        }

        private static Size blocks(Part part, long all, int blocks) {
            return new Size(part, all, BLOCKS_IN_MEMORY * (all / blocks + 1));
        }

        /** From the fastest to the one that takes least. */
        List<MemoryPlan> plans() {
            List<MemoryPlan> plans = new ArrayList<>();
            addBatches(plans, Way.TOGETHER, Set.of());
            addBatches(plans, Way.IN_TURNS, Set.of());
            Set<Part> streamed = EnumSet.noneOf(Part.class);
            List<Size> largestFirst = sizes.stream()
                    .sorted((a, b) -> Long.compare(b.all() - b.passing(), a.all() - a.passing()))
                    .toList();
            for (Size size : largestFirst) {
                streamed.add(size.part());
                addBatches(plans, Way.TOGETHER, Set.copyOf(streamed));
                addBatches(plans, Way.IN_TURNS, Set.copyOf(streamed));
            }
            return plans;
        }

        private void addBatches(List<MemoryPlan> plans, Way way, Set<Part> streamed) {
            for (int batch = batchSize; batch >= 1; batch /= 2) {
                plans.add(plan(way, streamed, batch));
                if (perQwenVlImage == 0) {
                    return;
                }
            }
        }

        MemoryPlan plan(Way way, Set<Part> streamed, int qwenVlBatch) {
            long encoders = 0;
            long encodersPassing = 0;
            long decoders = 0;
            for (Size size : sizes) {
                boolean passes = streamed.contains(size.part());
                if (size.part() == Part.DECODERS) {
                    decoders = passes ? size.passing() : size.all();
                } else if (passes) {
                    encodersPassing = Math.max(encodersPassing, size.passing());
                } else {
                    encoders += size.all();
                }
            }
            long embed = encoders + encodersPassing + Math.max(embedding, perQwenVlImage * qwenVlBatch);
            long decode = decoders + decoding;
            long bytes = OVERHEAD_BYTES
                    + switch (way) {
                        case TOGETHER -> embed + decode;
                        case IN_TURNS -> Math.max(embed, decode);
                    };
            int chunk = switch (way) {
                case TOGETHER -> batchSize;
                case IN_TURNS -> batchSize * BATCHES_PER_TURN;
            };
            return new MemoryPlan(way, streamed, qwenVlBatch, chunk, bytes);
        }
    }
}
