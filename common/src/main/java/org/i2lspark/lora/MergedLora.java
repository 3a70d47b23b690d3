package org.i2lspark.lora;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;

/**
 * Several LoRAs as one whose delta is the weighted sum of theirs: A factors joined along the rank, each times its strength,
 * B factors joined. A module that one of them lacks gets zeros there, so the rank is the same in all modules.
 */
public final class MergedLora implements LoraSource {
    private static final String TITLE = "modelspec.title";
    private static final Set<String> SHARED = Set.of(
            "modelspec.sai_model_spec", "modelspec.architecture", "modelspec.implementation", "ss_base_model_version");

    private final List<LoraSource> sources;
    private final List<Double> strengths;
    private final List<Shape> modules;

    /**
     * A merger with a strength for each LoRA.
     *
     * @throws IOException if they are for different transformers or adapt a module of different sizes
     */
    public MergedLora(List<? extends LoraSource> sources, List<Double> strengths) throws IOException {
        if (sources.isEmpty() || sources.size() != strengths.size()) {
            throw new IllegalArgumentException("Invalid strengths: %d for %d LoRAs (expected one for each)"
                    .formatted(strengths.size(), sources.size()));
        }
        this.sources = List.copyOf(sources);
        this.strengths = List.copyOf(strengths);
        Transformer.requireSame("merge", sources);
        int rank = sources.stream().mapToInt(LoraSource::rank).sum();
        Map<String, Shape> all = new TreeMap<>();
        for (LoraSource source : sources) {
            for (Shape module : source.modules()) {
                Shape known = all.putIfAbsent(module.name(), new Shape(module.name(), rank, module.in(), module.out()));
                if (known != null && (known.in() != module.in() || known.out() != module.out())) {
                    throw new IOException("Cannot merge: %s is %dx%d in one LoRA and %dx%d in another"
                            .formatted(module.name(), known.out(), known.in(), module.out(), module.in()));
                }
            }
        }
        this.modules = new ArrayList<>(all.values());
    }

    @Override
    public List<Shape> modules() {
        return modules;
    }

    @Override
    public Factors factors(Shape module) throws IOException {
        int rank = module.rank();
        float[] a = new float[rank * module.in()];
        float[] b = new float[module.out() * rank];
        int first = 0;
        for (int s = 0; s < sources.size(); s++) {
            for (Shape own : sources.get(s).modules()) {
                if (own.name().equals(module.name())) {
                    Factors factors = sources.get(s).factors(own);
                    add(factors, own, strengths.get(s).floatValue(), a, b, first, rank);
                }
            }
            first += sources.get(s).rank();
        }
        return new Factors(a, b);
    }

    private static void add(Factors factors, Shape shape, float strength, float[] a, float[] b, int first, int rank) {
        int start = first * shape.in();
        for (int i = 0; i < factors.a().length; i++) {
            a[start + i] = factors.a()[i] * strength;
        }
        for (int row = 0; row < shape.out(); row++) {
            System.arraycopy(factors.b(), row * shape.rank(), b, row * rank + first, shape.rank());
        }
    }

    @Override
    public Map<String, String> metadata() {
        Map<String, String> metadata = new TreeMap<>(Map.of("format", "pt", LoraHeader.RANK, String.valueOf(rank())));
        for (int s = 0; s < sources.size(); s++) {
            String part = "i2l.merged." + s + ".";
            metadata.put(part + "strength", String.valueOf(strengths.get(s)));
            sources.get(s).metadata().forEach((key, value) -> {
                if (key.startsWith("i2l.")) {
                    metadata.put(part + key.substring("i2l.".length()), value);
                }
            });
            metadata.put(part + "rank", String.valueOf(sources.get(s).rank()));
        }
        metadata.putAll(shared());
        List<String> titles = sources.stream()
                .map(source -> source.metadata().get(TITLE))
                .filter(Objects::nonNull)
                .toList();
        if (titles.size() == sources.size()) {
            metadata.put(TITLE, String.join(" + ", titles));
            metadata.put("modelspec.merged_from", String.join(", ", titles));
        }
        return metadata;
    }

    /** What programs that manage LoRAs read, where all sources say the same. */
    private Map<String, String> shared() {
        Map<String, String> shared = new TreeMap<>(sources.get(0).metadata());
        shared.keySet().retainAll(SHARED);
        for (LoraSource source : sources) {
            shared.entrySet().retainAll(source.metadata().entrySet());
        }
        return shared;
    }
}
