package org.i2lspark.decoder;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.decoder.DecoderLayout.Module;

/** Factors of one kind and one size, which are computed as one batch. */
record FactorBucket(Kind kind, List<Module> modules) {
    enum Kind {
        /** {@code [rank, in]}. */
        A("proj_a", 1),
        /** {@code [out, rank]}. */
        B("proj_b", 2);

        private final String projection;
        private final int rankDimension;

        Kind(String projection, int rankDimension) {
            this.projection = projection;
            this.rankDimension = rankDimension;
        }

        /** Along which dimension factors stacked over modules are joined. */
        int rankDimension() {
            return rankDimension;
        }
    }

    /**
     * All factors of these modules; decoders of one model agree in them. Modules of one shape stand next to each other, those
     * of A in the same order as those of B.
     */
    static List<FactorBucket> of(List<Module> unordered) {
        List<FactorBucket> buckets = new ArrayList<>();
        List<Module> modules = byShape(unordered);
        for (Kind kind : Kind.values()) {
            Map<Long, List<Module>> bySize = new LinkedHashMap<>();
            for (Module module : modules) {
                long size = kind == Kind.A ? module.in() : module.out();
                bySize.computeIfAbsent(size, ignored -> new ArrayList<>()).add(module);
            }
            bySize.values().forEach(bucket -> buckets.add(new FactorBucket(kind, List.copyOf(bucket))));
        }
        return List.copyOf(buckets);
    }

    private static List<Module> byShape(List<Module> modules) {
        Map<List<Long>, List<Module>> byShape = new LinkedHashMap<>();
        for (Module module : modules) {
            byShape.computeIfAbsent(List.of(module.in(), module.out()), ignored -> new ArrayList<>())
                    .add(module);
        }
        return byShape.values().stream().flatMap(List::stream).toList();
    }

    /** The dimension of these factors beside the rank: {@code in} for A, {@code out} for B. */
    long size() {
        return kind == Kind.A ? modules.get(0).in() : modules.get(0).out();
    }

    /** Elements of all these factors at rank 1. */
    long elements() {
        return size() * modules.size();
    }

    /** Names of a layer's weights in a decoder checkpoint, {@code proj_in} or {@code proj_out}. */
    List<String> weights(String layer) {
        return modules.stream()
                .map(module -> "%s.%s.%s.weight".formatted(module.source(), kind.projection, layer))
                .toList();
    }

    /** Names of these factors in a LoRA with DiffSynth-Studio's keys. */
    List<String> biasWeights() {
        return modules.stream()
                .map(module -> "%s.lora_%s.default.weight".formatted(module.name(), kind.name()))
                .toList();
    }
}
