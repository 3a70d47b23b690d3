package org.i2lspark.decoder;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.safetensors.TensorLayout;
import org.i2lspark.safetensors.TensorStore;

/**
 * Which tensors of a decoder checkpoint make which LoRA factor, and of what size. The checkpoint holds one decoder for
 * each group of layers and block of the transformer, all blocks of the first group first.
 */
public record DecoderLayout(long embeddingSize, long compressedSize, int blocks, List<Module> modules) {
    /** The rank of the LoRA that one image gives. */
    public static final int RANK = 4;

    /** The adapted layers of a transformer block, in the four groups that have decoders of their own. */
    private static final List<List<String>> GROUPS = List.of(
            List.of("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0"),
            List.of("img_mlp.net.2", "img_mod.1"),
            List.of("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj", "attn.to_add_out"),
            List.of("txt_mlp.net.2", "txt_mod.1"));

    private static final Pattern DECODER = Pattern.compile("blocks\\.(\\d+)\\..*");

    /**
     * One adapted layer.
     *
     * @param name in the transformer, such as {@code transformer_blocks.0.attn.to_q}
     * @param source in the checkpoint, such as {@code blocks.0.layers.0}
     */
    public record Module(String name, String source, long in, long out) {}

    /**
     * Reads the sizes off a checkpoint and checks that all of it agrees with them.
     *
     * @throws IOException saying what was expected and what was found
     */
    public static DecoderLayout of(TensorStore checkpoint) throws IOException {
        if (checkpoint.tensors().keySet().stream().anyMatch(name -> name.contains(".proj_residual."))) {
            throw invalid(checkpoint, "it has proj_residual tensors, so it is a Coarse or Fine decoder, not Style");
        }
        int decoders = countDecoders(checkpoint);
        if (decoders == 0 || decoders % GROUPS.size() != 0) {
            throw invalid(
                    checkpoint,
                    "expected decoders blocks.0 to blocks.%d·n-1, one for each of %d groups and n transformer blocks; found %d"
                            .formatted(GROUPS.size(), GROUPS.size(), decoders));
        }
        int blocks = decoders / GROUPS.size();
        List<Long> first = shape(checkpoint, "blocks.0.layers.0.proj_a.proj_in.weight");
        long compressed = first.get(0);
        long embedding = first.get(1);

        List<Module> modules = new ArrayList<>();
        Map<String, List<Long>> expected = new LinkedHashMap<>();
        for (int group = 0; group < GROUPS.size(); group++) {
            for (int layer = 0; layer < GROUPS.get(group).size(); layer++) {
                long in = factorSize(checkpoint, group * blocks, layer, "proj_a");
                long out = factorSize(checkpoint, group * blocks, layer, "proj_b");
                for (int block = 0; block < blocks; block++) {
                    String source = "blocks.%d.layers.%d".formatted(group * blocks + block, layer);
                    String name = "transformer_blocks.%d.%s"
                            .formatted(block, GROUPS.get(group).get(layer));
                    modules.add(new Module(name, source, in, out));
                    expected.putAll(shapes(source, embedding, compressed, in, out));
                }
            }
        }
        List<String> differences = TensorLayout.of(expected).differences(TensorLayout.of(checkpoint));
        if (!differences.isEmpty()) {
            throw invalid(checkpoint, String.join("; ", differences));
        }
        return new DecoderLayout(embedding, compressed, blocks, List.copyOf(modules));
    }

    /**
     * The tensors of a decoder whose factors have the released proportions.
     *
     * @param width inputs and outputs of an attention projection, 3072 in the released model
     */
    public static Map<String, List<Long>> shapes(long embedding, long compressed, int blocks, long width) {
        Map<String, List<Long>> shapes = new LinkedHashMap<>();
        for (int group = 0; group < GROUPS.size(); group++) {
            for (int layer = 0; layer < GROUPS.get(group).size(); layer++) {
                String name = GROUPS.get(group).get(layer);
                long in = name.endsWith("mlp.net.2") ? 4 * width : width;
                long out = name.endsWith("mod.1") ? 6 * width : width;
                for (int block = 0; block < blocks; block++) {
                    String source = "blocks.%d.layers.%d".formatted(group * blocks + block, layer);
                    shapes.putAll(shapes(source, embedding, compressed, in, out));
                }
            }
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

    private static int countDecoders(TensorStore checkpoint) {
        return (int) checkpoint.tensors().keySet().stream()
                .map(DECODER::matcher)
                .filter(Matcher::matches)
                .map(matcher -> matcher.group(1))
                .distinct()
                .count();
    }

    private static long factorSize(TensorStore checkpoint, int decoder, int layer, String factor) throws IOException {
        String name = "blocks.%d.layers.%d.%s.proj_out.weight".formatted(decoder, layer, factor);
        long size = shape(checkpoint, name).get(0);
        if (size % RANK != 0) {
            throw invalid(checkpoint, "the %d rows of %s are no multiple of the rank, %d".formatted(size, name, RANK));
        }
        return size / RANK;
    }

    private static List<Long> shape(TensorStore checkpoint, String name) throws IOException {
        TensorInfo tensor = checkpoint.tensors().get(name);
        if (tensor == null) {
            throw invalid(checkpoint, "expected tensor %s, found none of that name".formatted(name));
        }
        if (tensor.shape().size() != 2) {
            throw invalid(checkpoint, "expected %s to be a matrix, found shape %s".formatted(name, tensor.shapeText()));
        }
        return tensor.shape();
    }

    private static IOException invalid(TensorStore checkpoint, String problem) {
        return new IOException("Not a Style decoder: %s: %s".formatted(checkpoint.location(), problem));
    }
}
