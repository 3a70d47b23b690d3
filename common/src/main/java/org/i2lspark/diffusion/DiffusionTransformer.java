package org.i2lspark.diffusion;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.safetensors.TensorSource;
import org.i2lspark.torch.BlockWeights;
import org.i2lspark.torch.BlockWeights.Placement;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/**
 * Qwen-Image's diffusion transformer. The layers that see the time alone, a third of all weights, are not kept: what they make
 * of all steps of a schedule is computed before the first, while their weights pass through the memory. For use by one
 * thread at a time.
 */
public final class DiffusionTransformer implements AutoCloseable {
    static final Graph GRAPH = Graph.load(DiffusionTransformer.class, "qwen_image_dit.py");
    private static final int TIME_WEIGHTS = 2 * DitConfig.TIME_LINEARS.size();
    private static final int OUTPUT_MODULATION_WEIGHTS = 2;
    /** Index of the first weight of {@link DitConfig#END_LINEARS} in {@link #ends}. */
    static final int END_WEIGHTS = TIME_WEIGHTS + OUTPUT_MODULATION_WEIGHTS;

    private final DitConfig config;
    private final ElementType precision;
    private final TorchDevice device;
    private final LoraWay loraWay;
    private final TensorScope scope;
    private final List<Tensor> ends;
    private final BlockWeights blocks;
    private final BlockWeights modulations;
    private Schedule latest;
    private FusedWeights fused;

    /** What the modulations of all blocks are at these noise levels, without LoRAs. */
    private record Schedule(float[] sigmas, TensorScope scope, Tensor modulations) implements AutoCloseable {
        @Override
        public void close() {
            scope.close();
        }
    }

    /**
     * Loads the weights of a checkpoint whose layout is {@code config.layout()}.
     *
     * @param placement of the blocks' weights
     * @param loraWay {@code FUSED} for resident weights only
     */
    public static DiffusionTransformer load(
            TensorSource checkpoint,
            DitConfig config,
            ElementType precision,
            TorchDevice device,
            Placement placement,
            LoraWay loraWay)
            throws IOException {
        if (loraWay == LoraWay.FUSED && placement != Placement.RESIDENT) {
            throw new IllegalArgumentException("Invalid LoRA way: FUSED (expected BESIDE for streamed weights)");
        }
        return WeightLoader.load(
                checkpoint,
                precision,
                device,
                (loader, scope) ->
                        new DiffusionTransformer(config, precision, device, placement, loraWay, loader, scope));
    }

    private DiffusionTransformer(
            DitConfig config,
            ElementType precision,
            TorchDevice device,
            Placement placement,
            LoraWay loraWay,
            WeightLoader loader,
            TensorScope scope)
            throws IOException {
        this.config = config;
        this.precision = precision;
        this.device = device;
        this.loraWay = loraWay;
        this.scope = scope;
        this.ends = loader.load(scope, List.copyOf(config.ends().keySet()));
        List<String> blockNames = new ArrayList<>();
        List<String> modulationNames = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            blockNames.addAll(config.block(i).keySet());
            modulationNames.addAll(config.modulations(i).keySet());
        }
        this.blocks = loader.loadBlocks(scope, blockNames, blockNames.size() / config.layers(), placement);
        this.modulations =
                loader.loadBlocks(scope, modulationNames, modulationNames.size() / config.layers(), Placement.STREAMED);
    }

    /**
     * Makes ready to denoise images of one size together.
     *
     * @param conditionings one for each image; the same image may be there several times, under several conditions
     * @param rows tokens of an image from top to bottom
     * @param columns tokens of an image from left to right
     * @param sigmas the noise levels in [0, 1] at which velocities will be asked for
     */
    public Denoising start(List<Conditioning> conditionings, int rows, int columns, float[] sigmas) throws IOException {
        return new Denoising(this, conditionings, rows, columns, sigmas);
    }

    /** The modulations of all blocks, {@code [steps, blocks, 2, 6 * width]}, without LoRAs. Kept for the next call. */
    Tensor modulations(float[] sigmas) {
        if (latest == null || !Arrays.equals(latest.sigmas, sigmas)) {
            forget();
            TensorScope own = new TensorScope();
            try (TensorScope temporary = new TensorScope()) {
                Tensor time = time(temporary, sigmas, List.of());
                latest = new Schedule(
                        sigmas.clone(), own, modulations(own, List.of(time)).get(0));
            } catch (Throwable e) {
                own.close();
                throw e;
            }
        }
        return latest.modulations;
    }

    private void forget() {
        if (latest != null) {
            latest.close();
            latest = null;
        }
    }

    /**
     * What all modulations see of the time.
     *
     * @return {@code [steps, width]} float32
     */
    Tensor time(TensorScope target, float[] sigmas, List<Tensor> lora) {
        try (TensorScope temporary = new TensorScope()) {
            Tensor levels = Tensors.ofFloats(temporary, sigmas, List.of((long) sigmas.length));
            return GRAPH.call(target, "time", levels, ends.subList(0, TIME_WEIGHTS), lora);
        }
    }

    /**
     * The modulations of all blocks, while their weights pass once.
     *
     * @param times as {@link #time} gives them
     * @return {@code [steps, blocks, 2, 6 * width]} for each
     */
    List<Tensor> modulations(TensorScope target, List<Tensor> times) {
        List<Tensor> tables = new ArrayList<>();
        for (Tensor time : times) {
            List<Long> shape = List.of(
                    time.shape().get(0),
                    (long) config.layers(),
                    (long) DitConfig.MODULATIONS.size(),
                    (long) DitConfig.MODULATION_FACTOR * config.width());
            tables.add(Tensors.empty(target, shape, precision, device));
        }
        modulations.forEach((block, weights) -> {
            for (int i = 0; i < tables.size(); i++) {
                GRAPH.execute("write_block", tables.get(i), block, times.get(i), weights);
            }
        });
        return tables;
    }

    /** What the last modulation makes of the time, {@code [steps, 2 * width]}. */
    Tensor outputModulation(TensorScope target, Tensor time, List<Tensor> lora) {
        return GRAPH.call(target, "output_modulation", time, ends.subList(TIME_WEIGHTS, END_WEIGHTS), lora);
    }

    /**
     * The weights with those LoRAs that all images have, where LoRAs are fused; else as they are. Kept for the next call.
     *
     * @param loras of each image
     */
    FusedWeights fused(LoraFactors factors, List<List<WeightedLora>> loras) {
        List<WeightedLora> fusable = switch (loraWay) {
            case BESIDE -> List.of();
            case FUSED -> LoraFactors.common(loras);
        };
        if (fused == null || !fused.loras().equals(fusable)) {
            unfuse();
            fused = new FusedWeights(this, factors, fusable);
        }
        return fused;
    }

    private void unfuse() {
        if (fused != null) {
            fused.close();
            fused = null;
        }
    }

    DitConfig config() {
        return config;
    }

    ElementType precision() {
        return precision;
    }

    TorchDevice device() {
        return device;
    }

    /** The weights outside of blocks. */
    List<Tensor> ends() {
        return Collections.unmodifiableList(ends);
    }

    BlockWeights blocks() {
        return blocks;
    }

    /** The names of some layers of a block. */
    static List<String> inBlock(int block, List<String> layers) {
        return layers.stream().map(layer -> DitConfig.blockName(block) + layer).toList();
    }

    @Override
    public void close() {
        forget();
        unfuse();
        blocks.close();
        modulations.close();
        scope.close();
    }
}
