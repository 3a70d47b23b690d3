package org.i2lspark.decoder;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.i2lspark.lora.Transformer;
import org.i2lspark.lora.Transformer.Linear;
import org.i2lspark.lora.Transformer.Stack;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.safetensors.TensorLayout;
import org.i2lspark.safetensors.TensorStore;

/**
 * Which tensors of a decoder checkpoint make which LoRA factor, and of what size. For each stack of the transformer the
 * checkpoint holds one decoder for each group of layers and block, all blocks of the first group first.
 *
 * @param embeddingSize values of the SigLIP2 and DINOv3 embeddings together
 * @param tokenSize values of a hidden state of Qwen2.5-VL; 0 when it takes none
 * @param decoders what their tensors' names begin with, such as {@code blocks.0}
 */
public record DecoderLayout(
        DecoderKind kind, long embeddingSize, long tokenSize, List<String> decoders, List<Module> modules) {
    /** The rank of the LoRA that one image gives. */
    public static final int RANK = 4;

    /**
     * One adapted layer.
     *
     * @param name in the transformer, such as {@code transformer_blocks.0.attn.to_q}
     * @param decoder which of the checkpoint's decoders makes it
     * @param source where its weights stand in the checkpoint, such as {@code blocks.0.layers.0}
     */
    public record Module(String name, int decoder, String source, long in, long out) {}

    /** The sizes of a layer of all blocks of a stack. */
    @FunctionalInterface
    private interface Sizes<E extends Exception> {
        Linear of(String source, Linear layer) throws E;
    }

    /**
     * Reads the sizes off a checkpoint and checks that all of it agrees with them.
     *
     * @throws IOException saying what was expected and what was found
     */
    public static DecoderLayout of(TensorStore checkpoint, DecoderKind kind, Transformer transformer)
            throws IOException {
        List<Integer> blocks = new ArrayList<>();
        for (Stack stack : transformer.stacks()) {
            blocks.add(countBlocks(checkpoint, kind, stack));
        }
        List<String> decoders = decoders(transformer, blocks);
        checkResidual(checkpoint, kind, decoders.get(0));
        List<Long> first = shape(checkpoint, kind, decoders.get(0) + ".layers.0.proj_a.proj_in.weight");
        long compressed = first.get(0);
        long embedding = first.get(1);

        List<Module> modules = modules(
                transformer,
                blocks,
                (source, layer) -> new Linear(
                        layer.name(),
                        factorSize(checkpoint, kind, source + ".proj_a"),
                        factorSize(checkpoint, kind, source + ".proj_b")));
        Map<String, List<Long>> expected = shapes(modules, embedding, compressed);
        long tokenSize = 0;
        if (kind.tokens() > 0) {
            List<Long> in = shape(checkpoint, kind, residualWeight(decoders.get(0), "proj_in"));
            tokenSize = in.get(1);
            expected.putAll(residualShapes(kind, decoders, compressed, in.get(0), tokenSize));
        }
        List<String> differences = TensorLayout.of(expected).differences(TensorLayout.of(checkpoint));
        if (!differences.isEmpty()) {
            throw invalid(checkpoint, kind, String.join("; ", differences));
        }
        return new DecoderLayout(kind, embedding, tokenSize, decoders, modules);
    }

    /**
     * A decoder for all released blocks of a transformer whose layers are narrower than released.
     *
     * @param embeddingSize values of the SigLIP2 and DINOv3 embeddings together
     * @param tokenSize values of a hidden state of Qwen2.5-VL; 0 for Style
     * @param divisor how many times narrower; 1 for the released sizes
     */
    public static DecoderLayout of(
            DecoderKind kind, Transformer transformer, long embeddingSize, long tokenSize, int divisor) {
        List<Integer> blocks = transformer.stacks().stream().map(Stack::blocks).toList();
        return new DecoderLayout(
                kind,
                embeddingSize,
                tokenSize,
                decoders(transformer, blocks),
                modules(transformer, blocks, (source, layer) -> layer.narrowed(divisor)));
    }

    private static List<String> decoders(Transformer transformer, List<Integer> blocks) {
        List<String> decoders = new ArrayList<>();
        for (int s = 0; s < blocks.size(); s++) {
            Stack stack = transformer.stacks().get(s);
            for (int i = 0; i < stack.groups().size() * blocks.get(s); i++) {
                decoders.add("%sblocks.%d".formatted(stack.component(), i));
            }
        }
        return List.copyOf(decoders);
    }

    private static <E extends Exception> List<Module> modules(
            Transformer transformer, List<Integer> blocks, Sizes<E> sizes) throws E {
        List<String> decoders = decoders(transformer, blocks);
        List<Module> modules = new ArrayList<>();
        int first = 0;
        for (int s = 0; s < blocks.size(); s++) {
            Stack stack = transformer.stacks().get(s);
            for (List<Linear> group : stack.groups()) {
                for (int layer = 0; layer < group.size(); layer++) {
                    Linear linear = sizes.of(source(decoders, first, layer), group.get(layer));
                    for (int block = 0; block < blocks.get(s); block++) {
                        int decoder = first + block;
                        modules.add(new Module(
                                stack.module(block, linear),
                                decoder,
                                source(decoders, decoder, layer),
                                linear.in(),
                                linear.out()));
                    }
                }
                first += blocks.get(s);
            }
        }
        return List.copyOf(modules);
    }

    private static String source(List<String> decoders, int decoder, int layer) {
        return "%s.layers.%d".formatted(decoders.get(decoder), layer);
    }

    /**
     * The tensors of such a decoder.
     *
     * @param compressed values that it compresses an embedding to
     * @param tokenCompressed values that it compresses a hidden state to; of no account for Style
     */
    public Map<String, List<Long>> shapes(long compressed, long tokenCompressed) {
        Map<String, List<Long>> shapes = shapes(modules, embeddingSize, compressed);
        if (kind.tokens() > 0) {
            shapes.putAll(residualShapes(kind, decoders, compressed, tokenCompressed, tokenSize));
        }
        return shapes;
    }

    private static Map<String, List<Long>> shapes(List<Module> modules, long embedding, long compressed) {
        Map<String, List<Long>> shapes = new LinkedHashMap<>();
        for (Module module : modules) {
            shapes.putAll(shapes(module.source(), embedding, compressed, module.in(), module.out()));
        }
        return shapes;
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
        return decoders.stream().map(decoder -> residualWeight(decoder, layer)).toList();
    }

    private static String residualWeight(String decoder, String layer) {
        return "%s.proj_residual.%s.weight".formatted(decoder, layer);
    }

    /** Tells the kinds apart: by whether they have a residual path, and by how many tokens it takes. */
    private static void checkResidual(TensorStore checkpoint, DecoderKind kind, String decoder) throws IOException {
        String in = residualWeight(decoder, "proj_in");
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
        long flat = shape(checkpoint, kind, residualWeight(decoder, "proj_out")).get(1);
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

    private static Map<String, List<Long>> residualShapes(
            DecoderKind kind, List<String> decoders, long compressed, long tokenCompressed, long tokenSize) {
        Map<String, List<Long>> shapes = new LinkedHashMap<>();
        for (String decoder : decoders) {
            shapes.put(residualWeight(decoder, "proj_in"), List.of(tokenCompressed, tokenSize));
            shapes.put(residualWeight(decoder, "proj_out"), List.of(compressed, tokenCompressed * kind.tokens()));
        }
        return shapes;
    }

    private static int countBlocks(TensorStore checkpoint, DecoderKind kind, Stack stack) throws IOException {
        Pattern decoder = Pattern.compile(Pattern.quote(stack.component()) + "blocks\\.(\\d+)\\..*");
        int decoders = (int) checkpoint.tensors().keySet().stream()
                .map(decoder::matcher)
                .filter(Matcher::matches)
                .map(matcher -> matcher.group(1))
                .distinct()
                .count();
        int groups = stack.groups().size();
        if (decoders == 0 || decoders % groups != 0) {
            throw invalid(
                    checkpoint,
                    kind,
                    "expected decoders %sblocks.0 to %sblocks.%d·n-1, one for each of %d groups and n blocks of %s; found %d"
                            .formatted(stack.component(), stack.component(), groups, groups, stack.name(), decoders));
        }
        return decoders / groups;
    }

    private static long factorSize(TensorStore checkpoint, DecoderKind kind, String factor) throws IOException {
        String name = factor + ".proj_out.weight";
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
