package org.i2lspark.decoder;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.decoder.DecoderLayout.Module;
import org.i2lspark.safetensors.TensorLayout;
import org.i2lspark.safetensors.TensorSource;
import org.i2lspark.safetensors.TensorStore;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.WeightLoader;

/** The Bias: a fixed LoRA that is appended to every other one. */
public final class Bias implements AutoCloseable {
    private final TensorScope scope;
    private final List<Tensor> factors;

    private Bias(TensorScope scope, List<Tensor> factors) {
        this.scope = scope;
        this.factors = factors;
    }

    /** Loads a checkpoint that {@link #check} accepts. */
    public static Bias load(TensorSource checkpoint, DecoderLayout decoder, ElementType precision, TorchDevice device)
            throws IOException {
        return WeightLoader.load(checkpoint, precision, device, (loader, scope) -> {
            List<Tensor> factors = new ArrayList<>();
            for (FactorBucket bucket : FactorBucket.of(decoder.modules())) {
                factors.add(loader.loadStacked(scope, bucket.biasWeights()));
            }
            return new Bias(scope, factors);
        });
    }

    /**
     * Checks that a checkpoint is a Bias for the layers that a decoder adapts.
     *
     * @throws IOException saying what was expected and what was found
     */
    public static void check(TensorStore checkpoint, DecoderLayout decoder) throws IOException {
        List<String> differences = TensorLayout.of(shapes(decoder)).differences(TensorLayout.of(checkpoint));
        if (!differences.isEmpty()) {
            throw new IOException("Not the Bias of this model: %s: %s"
                    .formatted(checkpoint.location(), String.join("; ", differences)));
        }
    }

    /** The tensors of a Bias for the layers that a decoder adapts. */
    public static Map<String, List<Long>> shapes(DecoderLayout decoder) {
        return shapes(decoder.modules());
    }

    private static Map<String, List<Long>> shapes(List<Module> modules) {
        Map<String, List<Long>> shapes = new LinkedHashMap<>();
        long rank = DecoderLayout.RANK;
        for (Module module : modules) {
            shapes.put(module.name() + ".lora_A.default.weight", List.of(rank, module.in()));
            shapes.put(module.name() + ".lora_B.default.weight", List.of(module.out(), rank));
        }
        return shapes;
    }

    /** The factors, stacked as the decoders' are. */
    List<Tensor> factors() {
        return factors;
    }

    @Override
    public void close() {
        scope.close();
    }
}
