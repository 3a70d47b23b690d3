package org.i2lspark.diffusion;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.i2lspark.lora.WeightedLora;
import org.i2lspark.torch.Graph;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;

/**
 * Images on their way through the steps of a schedule. In each step all of them pass through a block before any passes through
 * the next; those whose prompts have as many tokens are one batch.
 */
public final class Denoising implements AutoCloseable {
    private static final Graph GRAPH = DiffusionTransformer.GRAPH;

    private final DiffusionTransformer transformer;
    private final FusedWeights weights;
    private final TensorScope scope = new TensorScope();
    private final List<Batch> batches = new ArrayList<>();
    private final int images;

    /**
     * Images of one shape in text and picture.
     *
     * @param images their numbers
     * @param text their prompts as they enter the first block
     * @param endLora beside the layers outside of blocks
     * @param blockLoras beside the layers of each block
     */
    private record Batch(
            List<Integer> images,
            Tensor text,
            Tensor rotary,
            Tensor modulations,
            Tensor outputModulation,
            List<Tensor> endLora,
            List<List<Tensor>> blockLoras) {}

    /** The two streams of a batch. */
    private record Streams(Tensor text, Tensor image) {}

    Denoising(DiffusionTransformer transformer, List<Conditioning> conditionings, int rows, int columns, float[] sigmas)
            throws IOException {
        this.transformer = transformer;
        this.images = conditionings.size();
        try (TensorScope temporary = new TensorScope()) {
            List<List<WeightedLora>> loras =
                    conditionings.stream().map(Conditioning::loras).toList();
            LoraFactors factors = new LoraFactors(
                    temporary,
                    loras.stream().flatMap(List::stream).toList(),
                    transformer.precision(),
                    transformer.device());
            Modulations modulations = new Modulations(scope, transformer, factors, loras, sigmas);
            this.weights = transformer.fused(factors, loras);
            Map<Integer, List<Integer>> byTokens = IntStream.range(0, images)
                    .boxed()
                    .collect(Collectors.groupingBy(
                            i -> conditionings.get(i).prompt().tokens(), TreeMap::new, Collectors.toList()));
            for (List<Integer> members : byTokens.values()) {
                List<Conditioning> batch =
                        members.stream().map(conditionings::get).toList();
                batches.add(batch(members, batch, factors, modulations, rows, columns));
            }
        } catch (Throwable e) {
            scope.close();
            throw e;
        }
    }

    private Batch batch(
            List<Integer> members,
            List<Conditioning> batch,
            LoraFactors factors,
            Modulations modulations,
            int rows,
            int columns) {
        DitConfig config = transformer.config();
        List<List<WeightedLora>> loras = batch.stream().map(Conditioning::loras).toList();
        List<List<WeightedLora>> beside = LoraFactors.without(weights.loras(), loras);
        List<Tensor> endLora = factors.join(scope, DitConfig.END_LINEARS, beside);
        int tokens = batch.get(0).prompt().tokens();
        return new Batch(
                members,
                text(batch, endLora),
                GRAPH.call(
                        scope,
                        "rotary",
                        tokens,
                        rows,
                        columns,
                        config.ropeAxes().stream().mapToLong(Integer::longValue).toArray(),
                        transformer.device()),
                modulations.blocks(scope, loras),
                modulations.output(scope, loras),
                endLora,
                IntStream.range(0, config.layers())
                        .mapToObj(block -> factors.join(
                                scope, DiffusionTransformer.inBlock(block, DitConfig.BLOCK_LINEARS), beside))
                        .toList());
    }

    private Tensor text(List<Conditioning> batch, List<Tensor> endLora) {
        try (TensorScope temporary = new TensorScope()) {
            Tensor rows = Tensors.ofRows(
                    temporary,
                    batch.stream().map(image -> image.prompt().values()).toList());
            long tokens = batch.get(0).prompt().tokens();
            Tensor embeddings = Tensors.view(temporary, rows, 0, List.of((long) batch.size(), tokens, (long)
                    transformer.config().textSize()));
            return GRAPH.call(scope, "text_in", embeddings, weights.ends(), endLora);
        }
    }

    /**
     * The velocities of all images at a noise level: from where they are, along the straight line that leads to the noise.
     *
     * @param target takes the result
     * @param step index of the noise level
     * @param latents of each image, {@code [rows * columns, channels * 4]} float32, on the device
     * @return the same of each image's velocity
     */
    public List<Tensor> velocities(TensorScope target, int step, List<Tensor> latents) {
        try (TensorScope temporary = new TensorScope()) {
            List<Streams> streams = new ArrayList<>();
            for (Batch batch : batches) {
                List<Tensor> own = batch.images().stream().map(latents::get).toList();
                Tensor image = GRAPH.call(temporary, "image_in", own, weights.ends(), batch.endLora());
                streams.add(new Streams(batch.text(), image));
            }
            transformer.blocks().forEach((block, originals) -> {
                for (int i = 0; i < batches.size(); i++) {
                    Streams before = streams.get(i);
                    streams.set(i, pass(temporary, batches.get(i), step, block, originals, before));
                    before.image().close();
                    if (block > 0) {
                        before.text().close();
                    }
                }
            });
            Tensor[] velocities = new Tensor[images];
            for (int i = 0; i < batches.size(); i++) {
                Batch batch = batches.get(i);
                Tensor all = GRAPH.call(
                        target,
                        "velocity",
                        streams.get(i).image(),
                        batch.outputModulation(),
                        step,
                        weights.ends(),
                        batch.endLora());
                List<Long> shape = all.shape().subList(1, 3);
                long size = shape.get(0) * shape.get(1);
                for (int j = 0; j < batch.images().size(); j++) {
                    velocities[batch.images().get(j)] = Tensors.view(target, all, j * size, shape);
                }
            }
            return List.of(velocities);
        }
    }

    private Streams pass(
            TensorScope temporary, Batch batch, int step, int block, List<Tensor> originals, Streams streams) {
        List<Tensor> passed = GRAPH.callForList(
                temporary,
                "block",
                streams.text(),
                streams.image(),
                batch.rotary(),
                batch.modulations(),
                step,
                block,
                weights.block(block, originals),
                batch.blockLoras().get(block),
                transformer.config().heads());
        return new Streams(passed.get(0), passed.get(1));
    }

    @Override
    public void close() {
        scope.close();
    }
}
