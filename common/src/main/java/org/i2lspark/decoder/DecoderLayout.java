package org.i2lspark.decoder;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.i2lspark.lora.QwenImageTransformer;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.safetensors.TensorLayout;
import org.i2lspark.safetensors.TensorStore;

/**
 * Which tensors of a decoder checkpoint make which LoRA factor, and of what size. The checkpoint holds one decoder for
 * each group of layers and block of the transformer, all blocks of the first group first.
 *
 * @param embeddingSize values of the SigLIP2 and DINOv3 embeddings together
 * @param tokenSize values of a hidden state of Qwen2.5-VL; 0 when it takes none
 * @param blocks of the transformer
 */
public record DecoderLayout(DecoderKind kind, long embeddingSize, long tokenSize, int blocks, List<Module> modules) {
    /** The rank of the LoRA that one image gives. */
    public static final int RANK = 4;

    private static final List<List<String>> GROUPS = QwenImageTransformer.ADAPTED_GROUPS;

    private static final Pattern DECODER = Pattern.compile("blocks\\.(\\d+)\\..*");

    /**
     * One adapted layer.
     *
     * @param name in the transformer, such as {@code transformer_blocks.0.attn.to_q}
     * @param decoder which of the checkpoint's decoders makes it
     * @param layer which of that decoder's layers
     */
    public record Module(String name, int decoder, int layer, long in, long out) {
        /** Where its weights stand in the checkpoint, such as {@code blocks.0.layers.0}. */
        String source() {
            return "blocks.%d.layers.%d".formatted(decoder, layer);
        }
    }

    /**
     * Reads the sizes off a checkpoint and checks that all of it agrees with them.
     *
     * @throws IOException saying what was expected and what was found
     */
    public static DecoderLayout of(TensorStore checkpoint, DecoderKind kind) throws IOException {
        int decoders = countDecoders(checkpoint);
        if (decoders == 0 || decoders % GROUPS.size() != 0) {
            throw invalid(
                    checkpoint,
                    kind,
                    "expected decoders blocks.0 to blocks.%d·n-1, one for each of %d groups and n transformer blocks; found %d"
                            .formatted(GROUPS.size(), GROUPS.size(), decoders));
        }
        int blocks = decoders / GROUPS.size();
        checkResidual(checkpoint, kind);
        List<Long> first = shape(checkpoint, kind, "blocks.0.layers.0.proj_a.proj_in.weight");
        long compressed = first.get(0);
        long embedding = first.get(1);

        List<Module> modules = new ArrayList<>();
        Map<String, List<Long>> expected = new LinkedHashMap<>();
        for (int group = 0; group < GROUPS.size(); group++) {
            for (int layer = 0; layer < GROUPS.get(group).size(); layer++) {
                long in = factorSize(checkpoint, kind, group * blocks, layer, "proj_a");
                long out = factorSize(checkpoint, kind, group * blocks, layer, "proj_b");
                for (int block = 0; block < blocks; block++) {
                    String name = "transformer_blocks.%d.%s"
                            .formatted(block, GROUPS.get(group).get(layer));
                    Module module = new Module(name, group * blocks + block, layer, in, out);
                    modules.add(module);
                    expected.putAll(shapes(module.source(), embedding, compressed, in, out));
                }
            }
        }
        long tokenSize = 0;
        if (kind.tokens() > 0) {
            List<Long> in = shape(checkpoint, kind, residualWeight(0, "proj_in"));
            tokenSize = in.get(1);
            expected.putAll(residualShapes(kind, blocks, compressed, in.get(0), tokenSize));
        }
        List<String> differences = TensorLayout.of(expected).differences(TensorLayout.of(checkpoint));
        if (!differences.isEmpty()) {
            throw invalid(checkpoint, kind, String.join("; ", differences));
        }
        return new DecoderLayout(kind, embedding, tokenSize, blocks, List.copyOf(modules));
    }

    /**
     * The tensors of a decoder whose factors have the released proportions.
     *
     * @param width inputs and outputs of an attention projection, 3072 in the released model
     */
    public static Map<String, List<Long>> shapes(long embedding, long compressed, int blocks, long width) {
        Map<String, List<Long>> shapes = new LinkedHashMap<>();
        for (Module module : modules(blocks, width)) {
            shapes.putAll(shapes(module.source(), embedding, compressed, module.in(), module.out()));
        }
        return shapes;
    }

    /** The adapted layers of a transformer with the released proportions. */
    static List<Module> modules(int blocks, long width) {
        List<Module> modules = new ArrayList<>();
        for (int group = 0; group < GROUPS.size(); group++) {
            for (int layer = 0; layer < GROUPS.get(group).size(); layer++) {
                String name = GROUPS.get(group).get(layer);
                long in = name.endsWith("mlp.net.2") ? 4 * width : width;
                long out = name.endsWith("mod.1") ? 6 * width : width;
                for (int block = 0; block < blocks; block++) {
                    String full = "transformer_blocks.%d.%s".formatted(block, name);
                    modules.add(new Module(full, group * blocks + block, layer, in, out));
                }
            }
        }
        return modules;
    }

    private static Map<String, List<Long>> shapes(String source, long embedding, long compressed, long in, long out) {
        return Map.of(
                source + ".proj_a.proj_in.weight", List.of(compressed, embedding),
                source + ".proj_a.proj_out.weight", List.of(RANK * in, compressed),
                source + ".proj_b.proj_in.weight", List.of(compressed, embedding),
                source + ".proj_b.proj_out.weight", List.of(RANK * out, compressed));
    }

    /** Names of the residual path's weights, {@code proj_in} or {@code proj_out}, decoder by decoder. */
    List<String> residualWeights(String layer) {
        return IntStream.range(0, blocks * GROUPS.size())
                .mapToObj(decoder -> residualWeight(decoder, layer))
                .toList();
    }

    private static String residualWeight(int decoder, String layer) {
        return "blocks.%d.proj_residual.%s.weight".formatted(decoder, layer);
    }

    /** Tells the kinds apart: by whether they have a residual path, and by how many tokens it takes. */
    private static void checkResidual(TensorStore checkpoint, DecoderKind kind) throws IOException {
        String in = residualWeight(0, "proj_in");
        boolean residual = checkpoint.tensors().containsKey(in);
        if (!residual && kind.tokens() == 0) {
            return;
        }
        if (residual && kind.tokens() == 0) {
            throw invalid(checkpoint, kind, "it has proj_residual tensors, so it is a Coarse or Fine decoder");
        }
        if (!residual) {
            throw invalid(checkpoint, kind, "it has no proj_residual tensors, so it is a Style decoder");
        }
        long perToken = shape(checkpoint, kind, in).get(0);
        long flat = shape(checkpoint, kind, residualWeight(0, "proj_out")).get(1);
        if (flat != perToken * kind.tokens()) {
            throw invalid(
                    checkpoint,
                    kind,
                    "its residual path takes %s tokens, %s takes %d"
                            .formatted(
                                    flat % perToken == 0 ? flat / perToken : flat + "/" + perToken,
                                    kind.title(),
                                    kind.tokens()));
        }
    }

    /**
     * The tensors of a residual path.
     *
     * @param tokenSize values that it compresses a token to
     * @param hiddenSize values of a token
     */
    public static Map<String, List<Long>> residualShapes(
            DecoderKind kind, int blocks, long compressed, long tokenSize, long hiddenSize) {
        Map<String, List<Long>> shapes = new LinkedHashMap<>();
        for (int decoder = 0; decoder < blocks * GROUPS.size(); decoder++) {
            shapes.put(residualWeight(decoder, "proj_in"), List.of(tokenSize, hiddenSize));
            shapes.put(residualWeight(decoder, "proj_out"), List.of(compressed, tokenSize * kind.tokens()));
        }
        return shapes;
    }

    private static int countDecoders(TensorStore checkpoint) {
        return (int) checkpoint.tensors().keySet().stream()
                .map(DECODER::matcher)
                .filter(Matcher::matches)
                .map(matcher -> matcher.group(1))
                .distinct()
                .count();
    }

    private static long factorSize(TensorStore checkpoint, DecoderKind kind, int decoder, int layer, String factor)
            throws IOException {
        String name = "blocks.%d.layers.%d.%s.proj_out.weight".formatted(decoder, layer, factor);
        long size = shape(checkpoint, kind, name).get(0);
        if (size % RANK != 0) {
            throw invalid(
                    checkpoint, kind, "the %d rows of %s are no multiple of the rank, %d".formatted(size, name, RANK));
        }
        return size / RANK;
    }

    private static List<Long> shape(TensorStore checkpoint, DecoderKind kind, String name) throws IOException {
        TensorInfo tensor = checkpoint.tensors().get(name);
        if (tensor == null) {
            throw invalid(checkpoint, kind, "expected tensor %s, found none of that name".formatted(name));
        }
        if (tensor.shape().size() != 2) {
            throw invalid(
                    checkpoint, kind, "expected %s to be a matrix, found shape %s".formatted(name, tensor.shapeText()));
        }
        return tensor.shape();
    }

    private static IOException invalid(TensorStore checkpoint, DecoderKind kind, String problem) {
        return new IOException("Not a %s decoder: %s: %s".formatted(kind.title(), checkpoint.location(), problem));
    }
}
