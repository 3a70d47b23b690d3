package org.i2lspark.safetensors;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** The names and shapes of a set of tensors: what tells one kind of checkpoint from another. */
public final class TensorLayout {
    private static final int MAX_LISTED = 5;

    private final SortedMap<String, List<Long>> shapes;

    private TensorLayout(Map<String, List<Long>> shapes) {
        this.shapes = new TreeMap<>(shapes);
    }

    public static TensorLayout of(Map<String, List<Long>> shapes) {
        return new TensorLayout(shapes);
    }

    public static TensorLayout of(TensorStore store) {
        return new TensorLayout(
                store.tensors().values().stream().collect(Collectors.toMap(TensorInfo::name, TensorInfo::shape)));
    }

    /** The layout of those tensors alone whose names are wanted. */
    public TensorLayout only(Predicate<String> wanted) {
        TensorLayout part = new TensorLayout(shapes);
        part.shapes.keySet().removeIf(wanted.negate());
        return part;
    }

    /** Shapes by tensor name, in name order. */
    public SortedMap<String, List<Long>> shapes() {
        return Collections.unmodifiableSortedMap(shapes);
    }

    /**
     * MD5, in hex, over the sorted, comma-joined strings {@code name:d0_d1_…} and {@code name} of all tensors. This is
     * DiffSynth-Studio's {@code hash_state_dict_keys} with shapes, by which it tells released checkpoints apart.
     */
    public String fingerprint() {
        List<String> keys = new ArrayList<>(shapes.size() * 2);
        shapes.forEach((name, shape) -> {
            keys.add(name);
            keys.add(name + ":" + shape.stream().map(String::valueOf).collect(Collectors.joining("_")));
        });
        keys.sort(null);
        try {
            byte[] digest = MessageDigest.getInstance("MD5")
                    .digest(String.join(",", keys).getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** In what {@code found} differs from this layout, as sentences for a person; empty when it does not. */
    public List<String> differences(TensorLayout found) {
        List<String> missing = new ArrayList<>();
        List<String> reshaped = new ArrayList<>();
        shapes.forEach((name, shape) -> {
            List<Long> other = found.shapes.get(name);
            if (other == null) {
                missing.add(name);
            } else if (!other.equals(shape)) {
                reshaped.add("%s is %s, expected %s"
                        .formatted(name, TensorInfo.shapeText(other), TensorInfo.shapeText(shape)));
            }
        });
        List<String> unexpected = found.shapes.keySet().stream()
                .filter(name -> !shapes.containsKey(name))
                .toList();
        List<String> sentences = new ArrayList<>();
        addSentence(sentences, "missing", missing);
        addSentence(sentences, "unexpected", unexpected);
        addSentence(sentences, "of another shape", reshaped);
        return sentences;
    }

    private static void addSentence(List<String> sentences, String kind, List<String> items) {
        if (!items.isEmpty()) {
            String listed = items.stream().limit(MAX_LISTED).collect(Collectors.joining(", "));
            String more = items.size() > MAX_LISTED ? ", …" : "";
            sentences.add("%d tensors %s (%s%s)".formatted(items.size(), kind, listed, more));
        }
    }
}
