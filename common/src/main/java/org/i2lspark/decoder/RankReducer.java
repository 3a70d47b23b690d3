package org.i2lspark.decoder;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.i2lspark.decoder.DecoderLayout.Module;
import org.i2lspark.decoder.FactorBucket.Kind;
import org.i2lspark.lora.Deltas;
import org.i2lspark.lora.Reduction;
import org.i2lspark.torch.Tensor;
import org.i2lspark.torch.TensorScope;
import org.i2lspark.torch.Tensors;

/** Brings merged LoRAs to a lower rank on the device, all modules of one shape together. */
final class RankReducer {
    private final List<Group> groups = new ArrayList<>();

    /**
     * Modules of one shape, whose factors stand next to each other.
     *
     * @param beforeA elements in front of their factors A at rank 1
     * @param beforeB elements in front of their factors B at rank 1
     */
    private record Group(List<Module> modules, long beforeA, long beforeB) {
        Tensor a(TensorScope views, Tensor lora, long rank) {
            List<Long> shape =
                    List.of((long) modules.size(), rank, modules.get(0).in());
            return Tensors.view(views, lora, beforeA * rank, shape);
        }

        Tensor b(TensorScope views, Tensor lora, long rank) {
            List<Long> shape = List.of((long) modules.size(), modules.get(0).out(), rank);
            return Tensors.view(views, lora, beforeB * rank, shape);
        }
    }

    RankReducer(List<FactorBucket> buckets) {
        long beforeA = 0;
        for (FactorBucket a : buckets) {
            long beforeB = 0;
            for (FactorBucket b : buckets) {
                if (a.kind() == Kind.A && b.kind() == Kind.B) {
                    add(a, beforeA, b, beforeB);
                }
                beforeB += b.elements();
            }
            beforeA += a.elements();
        }
    }

    private void add(FactorBucket a, long beforeA, FactorBucket b, long beforeB) {
        List<Module> shared =
                a.modules().stream().filter(module -> module.out() == b.size()).toList();
        if (!shared.isEmpty()) {
            groups.add(new Group(
                    shared,
                    beforeA + a.modules().indexOf(shared.get(0)) * a.size(),
                    beforeB + b.modules().indexOf(shared.get(0)) * b.size()));
        }
    }

    /**
     * Reduces a LoRA.
     *
     * @param whole all its elements, on the device
     * @param reduced takes the elements at its lower rank
     */
    Reduction reduce(Tensor whole, int wholeRank, Tensor reduced, int rank) {
        Map<String, double[]> singularValues = new TreeMap<>();
        try (TensorScope views = new TensorScope()) {
            for (Group group : groups) {
                List<double[]> values = Deltas.reduce(
                        group.a(views, whole, wholeRank),
                        group.b(views, whole, wholeRank),
                        group.a(views, reduced, rank),
                        group.b(views, reduced, rank));
                for (int m = 0; m < values.size(); m++) {
                    singularValues.put(group.modules().get(m).name(), values.get(m));
                }
            }
        }
        return new Reduction(rank, singularValues);
    }
}
