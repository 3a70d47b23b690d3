package org.i2lspark.lora;

import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A diffusion transformer that LoRAs are made for: its stacks of equal blocks, the linear layers in a block, and which of
 * them image-to-LoRA models adapt. All that this project knows of a base model's layers is written here.
 *
 * <p>Names and sizes are those of the released checkpoints of Qwen/Qwen-Image and Tongyi-MAI/Z-Image, as diffusers has them.
 */
public final class Transformer {
    public static final Transformer QWEN_IMAGE = new Transformer(
            "Qwen-Image",
            "Qwen/Qwen-Image",
            List.of(new Stack(
                    "transformer_blocks",
                    "",
                    60,
                    List.of(
                            List.of(
                                    new Linear("attn.to_q", 3072, 3072),
                                    new Linear("attn.to_k", 3072, 3072),
                                    new Linear("attn.to_v", 3072, 3072),
                                    new Linear("attn.to_out.0", 3072, 3072)),
                            List.of(new Linear("img_mlp.net.2", 12288, 3072), new Linear("img_mod.1", 3072, 18432)),
                            List.of(
                                    new Linear("attn.add_q_proj", 3072, 3072),
                                    new Linear("attn.add_k_proj", 3072, 3072),
                                    new Linear("attn.add_v_proj", 3072, 3072),
                                    new Linear("attn.to_add_out", 3072, 3072)),
                            List.of(new Linear("txt_mlp.net.2", 12288, 3072), new Linear("txt_mod.1", 3072, 18432))),
                    Set.of("img_mlp.net.0.proj", "txt_mlp.net.0.proj"),
                    List.of())),
            Set.of(
                    "img_in",
                    "txt_in",
                    "time_text_embed.timestep_embedder.linear_1",
                    "time_text_embed.timestep_embedder.linear_2",
                    "norm_out.linear",
                    "proj_out"));

    public static final Transformer Z_IMAGE = new Transformer(
            "Z-Image",
            "Tongyi-MAI/Z-Image",
            List.of(
                    zImageStack("layers", 30, Set.of("adaLN_modulation.0")),
                    zImageStack("context_refiner", 2, Set.of()),
                    zImageStack("noise_refiner", 2, Set.of("adaLN_modulation.0"))),
            Set.of(
                    "all_x_embedder.2-1",
                    "all_final_layer.2-1.linear",
                    "all_final_layer.2-1.adaLN_modulation.1",
                    "cap_embedder.1",
                    "t_embedder.mlp.0",
                    "t_embedder.mlp.2"));

    private static final List<Transformer> ALL = List.of(QWEN_IMAGE, Z_IMAGE);
    private static final Pattern IN_BLOCK = Pattern.compile("(\\w+)\\.(\\d{1,4})\\.(.+)");

    private final String title;
    private final String hubId;
    private final List<Stack> stacks;
    private final Set<String> outside;
    private final Map<String, Set<String>> linearsByStack;
    private final Map<String, String> outsideByFlatName;
    private final Map<String, Map<String, String>> linearsByFlatName;
    private final Pattern flatInBlock;

    /** A linear layer of a block, with its released sizes. */
    public record Linear(String name, long in, long out) {
        /** Of a transformer that is so many times narrower. */
        public Linear narrowed(int divisor) {
            if (in % divisor != 0 || out % divisor != 0) {
                throw new IllegalArgumentException(
                        "Invalid divisor: %d (expected one of %d and %d)".formatted(divisor, in, out));
            }
            return new Linear(name, in / divisor, out / divisor);
        }
    }

    /**
     * Blocks of one kind.
     *
     * @param name in the transformer, so that {@code NAME.0.} is the first block
     * @param component begins the names of its decoders in a checkpoint of an image-to-LoRA model
     * @param blocks as released
     * @param groups the layers that are adapted; those of a group share a decoder
     * @param others linear layers that are not adapted
     * @param fusions layers that some tools have as one
     */
    public record Stack(
            String name,
            String component,
            int blocks,
            List<List<Linear>> groups,
            Set<String> others,
            List<Fusion> fusions) {
        /** The name of a layer of a block. */
        public String module(int block, Linear linear) {
            return "%s.%d.%s".formatted(name, block, linear.name());
        }
    }

    /**
     * Linear layers of one input that some tools have as one, the outputs one after the other.
     *
     * @param name of the one, in a block
     */
    public record Fusion(String name, List<Linear> parts) {
        /** Outputs of all of them, as released. */
        long out() {
            return parts.stream().mapToLong(Linear::out).sum();
        }
    }

    /** A layer of a transformer, or several that are one. */
    record Layer(Transformer transformer, String module) {}

    /** Where a layer stands in its transformer. */
    public record Block(String stack, int number) {}

    private Transformer(String title, String hubId, List<Stack> stacks, Set<String> outside) {
        this.title = title;
        this.hubId = hubId;
        this.stacks = stacks;
        this.outside = outside;
        this.linearsByStack = stacks.stream().collect(Collectors.toUnmodifiableMap(Stack::name, Transformer::linears));
        this.outsideByFlatName = byFlatName(outside);
        this.linearsByFlatName = linearsByStack.entrySet().stream()
                .collect(Collectors.toUnmodifiableMap(Map.Entry::getKey, stack -> byFlatName(stack.getValue())));
        this.flatInBlock = Pattern.compile("(%s)_(\\d{1,4})_(.+)"
                .formatted(stacks.stream().map(Stack::name).collect(Collectors.joining("|"))));
    }

    private static Stack zImageStack(String name, int blocks, Set<String> others) {
        Linear q = new Linear("attention.to_q", 3840, 3840);
        Linear k = new Linear("attention.to_k", 3840, 3840);
        Linear v = new Linear("attention.to_v", 3840, 3840);
        Linear out = new Linear("attention.to_out.0", 3840, 3840);
        return new Stack(
                name,
                name + "_lora.",
                blocks,
                List.of(
                        List.of(q, k, v, out),
                        List.of(
                                new Linear("feed_forward.w1", 3840, 10240),
                                new Linear("feed_forward.w2", 10240, 3840),
                                new Linear("feed_forward.w3", 3840, 10240))),
                others,
                List.of(new Fusion("attention.qkv", List.of(q, k, v)), new Fusion("attention.out", List.of(out))));
    }

    private static Set<String> linears(Stack stack) {
        return Stream.of(
                        stack.groups().stream().flatMap(List::stream).map(Linear::name),
                        stack.others().stream(),
                        stack.fusions().stream().map(Fusion::name))
                .flatMap(Function.identity())
                .collect(Collectors.toUnmodifiableSet());
    }

    private static Map<String, String> byFlatName(Set<String> layers) {
        return layers.stream().collect(Collectors.toUnmodifiableMap(Transformer::flatName, Function.identity()));
    }

    /** The name as people write it. */
    public String title() {
        return title;
    }

    /** The name on the hub of the first base model that has it. */
    String hubId() {
        return hubId;
    }

    /** In the order in which LoRAs name them. */
    public List<Stack> stacks() {
        return stacks;
    }

    /** The names of all transformers, for a message. */
    static String titles() {
        return ALL.stream().map(Transformer::title).collect(Collectors.joining(" or "));
    }

    /** The linear layer of this name, such as {@code transformer_blocks.0.attn.to_q} or {@code proj_out}. */
    static Optional<Layer> layerOf(String module) {
        return ALL.stream()
                .filter(transformer -> transformer.has(module))
                .map(transformer -> new Layer(transformer, module))
                .findFirst();
    }

    private boolean has(String module) {
        Matcher block = IN_BLOCK.matcher(module);
        if (block.matches() && linearsByStack.containsKey(block.group(1))) {
            return linearsByStack.get(block.group(1)).contains(block.group(3));
        }
        return outside.contains(module);
    }

    /** The linear layer whose name with underscores for dots this is: such names alone do not say where the dots were. */
    static Optional<Layer> layerOfFlatName(String flat) {
        return ALL.stream()
                .flatMap(transformer ->
                        transformer.moduleOfFlatName(flat).map(module -> new Layer(transformer, module)).stream())
                .findFirst();
    }

    private Optional<String> moduleOfFlatName(String flat) {
        Matcher block = flatInBlock.matcher(flat);
        if (!block.matches()) {
            return Optional.ofNullable(outsideByFlatName.get(flat));
        }
        String stack = block.group(1);
        return Optional.ofNullable(linearsByFlatName.get(stack).get(block.group(3)))
                .map(layer -> "%s.%s.%s".formatted(stack, block.group(2), layer));
    }

    static String flatName(String module) {
        return module.replace('.', '_');
    }

    /** What a layer is the fusion of, if it is one, such as {@code layers.0.attention.qkv}. */
    static Optional<Fusion> fusionNamed(String module) {
        return fusions(module)
                .filter(fusion -> fusion.name.equals(layer(module)))
                .findFirst();
    }

    /** The fusion that some tools have in place of a layer, if they have one. */
    static Optional<Fusion> fusionWith(String module) {
        return fusions(module)
                .filter(fusion -> fusion.parts.stream().anyMatch(part -> part.name.equals(layer(module))))
                .findFirst();
    }

    private static Stream<Fusion> fusions(String module) {
        return block(module).stream()
                .flatMap(block -> ALL.stream()
                        .flatMap(transformer -> transformer.stacks.stream())
                        .filter(stack -> stack.name.equals(block.stack)))
                .flatMap(stack -> stack.fusions.stream());
    }

    /** The block that a layer stands in, if it stands in one. */
    public static Optional<Block> block(String module) {
        Matcher block = IN_BLOCK.matcher(module);
        return block.matches()
                ? Optional.of(new Block(block.group(1), Integer.parseInt(block.group(2))))
                : Optional.empty();
    }

    /** The name of another layer of the block that a layer stands in. */
    static String sibling(String module, String layer) {
        return module.substring(0, module.length() - layer(module).length()) + layer;
    }

    /** A layer's name within its block, {@code attn.to_q} of {@code transformer_blocks.0.attn.to_q}. */
    public static String layer(String module) {
        Matcher block = IN_BLOCK.matcher(module);
        return block.matches() ? block.group(3) : module;
    }

    /** The transformer that LoRAs of these modules are for. */
    static Optional<Transformer> of(List<String> modules) {
        return modules.stream()
                .min(Comparator.naturalOrder())
                .flatMap(Transformer::layerOf)
                .map(Layer::transformer);
    }

    /** Refuses LoRAs that are not all for one transformer. */
    static void requireSame(String purpose, List<? extends LoraSource> loras) throws IOException {
        Transformer first = loras.get(0).transformer();
        for (LoraSource lora : loras) {
            if (lora.transformer() != first) {
                throw new IOException(
                        "Cannot %s: one LoRA is for %s, another for %s".formatted(purpose, first, lora.transformer()));
            }
        }
    }

    @Override
    public String toString() {
        return title;
    }
}
