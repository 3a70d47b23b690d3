package org.i2lspark.diffusion;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;

/** What the time makes of the modulations of all blocks and steps of a schedule, with the LoRAs that adapt them. */
final class Modulations {
    private static final Graph GRAPH = DiffusionTransformer.GRAPH;

    private final Map<List<WeightedLora>, Table> tables = new HashMap<>();

    /**
     * The modulations under a list of LoRAs.
     *
     * @param blocks {@code [steps, blocks, 2, 6 * width]}
     * @param output {@code [steps, 2 * width]}
     */
    private record Table(Tensor blocks, Tensor output) {}

    /** Computes them for each list of LoRAs, into a scope that must outlive this. */
    Modulations(
            TensorScope scope,
            DiffusionTransformer transformer,
            LoraFactors factors,
            List<List<WeightedLora>> lists,
            float[] sigmas) {
        List<List<WeightedLora>> adaptTime = new ArrayList<>();
        List<Tensor> adaptedTimes = new ArrayList<>();
        Tensor base = transformer.modulations(sigmas);
        Tensor baseTime = transformer.time(scope, sigmas, List.of());
        for (List<WeightedLora> loras : lists.stream().distinct().toList()) {
            if (factors.adaptAny(loras, DitConfig.TIME_LINEARS)) {
                List<Tensor> pairs = factors.join(scope, DitConfig.TIME_LINEARS, List.of(loras));
                adaptTime.add(loras);
                adaptedTimes.add(transformer.time(scope, sigmas, pairs));
            } else {
                tables.put(loras, adapt(scope, transformer, factors, loras, baseTime, base));
            }
        }
        if (!adaptTime.isEmpty()) {
            List<Tensor> blocks = transformer.modulations(scope, adaptedTimes);
            for (int i = 0; i < adaptTime.size(); i++) {
                List<WeightedLora> loras = adaptTime.get(i);
                tables.put(loras, adapt(scope, transformer, factors, loras, adaptedTimes.get(i), blocks.get(i)));
            }
        }
    }

    private static Table adapt(
            TensorScope scope,
            DiffusionTransformer transformer,
            LoraFactors factors,
            List<WeightedLora> loras,
            Tensor time,
            Tensor base) {
        List<Tensor> outputPairs = factors.join(scope, List.of(DitConfig.OUTPUT_MODULATION), List.of(loras));
        Tensor output = transformer.outputModulation(scope, time, outputPairs);
        Tensor blocks = loras.isEmpty() ? base : GRAPH.call(scope, "clone", base);
        for (int block = 0; block < transformer.config().layers(); block++) {
            for (int stream = 0; stream < DitConfig.MODULATIONS.size(); stream++) {
                String layer = DitConfig.blockName(block) + DitConfig.MODULATIONS.get(stream);
                if (factors.adaptAny(loras, List.of(layer))) {
                    try (TensorScope temporary = new TensorScope()) {
                        List<Tensor> pairs = factors.join(temporary, List.of(layer), List.of(loras));
                        GRAPH.execute("adapt_block", blocks, block, stream, time, pairs);
                    }
                }
            }
        }
        return new Table(blocks, output);
    }

    /** Those of the blocks for images with these LoRAs, {@code [images, steps, …]}, or {@code [1, steps, …]} for all alike. */
    Tensor blocks(TensorScope scope, List<List<WeightedLora>> images) {
        return stack(
                scope, images.stream().map(loras -> tables.get(loras).blocks).toList());
    }

    /** The last one, in the same way. */
    Tensor output(TensorScope scope, List<List<WeightedLora>> images) {
        return stack(
                scope, images.stream().map(loras -> tables.get(loras).output).toList());
    }

    private static Tensor stack(TensorScope scope, List<Tensor> parts) {
        if (parts.stream().distinct().count() > 1) {
            return GRAPH.call(scope, "stack", parts);
        }
        List<Long> shape = new ArrayList<>(parts.get(0).shape());
        shape.add(0, 1L);
        return Tensors.view(scope, parts.get(0), 0, shape);
    }
}
