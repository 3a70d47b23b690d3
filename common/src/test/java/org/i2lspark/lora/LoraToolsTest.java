package org.i2lspark.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.safetensors.DType;
import org.i2lspark.safetensors.SafetensorsFile;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.torch.ElementType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The tools against arithmetic on full matrices in double precision, over random ranks, sizes, types and orders. */
class LoraToolsTest {
    private static final Offset<Double> ROUNDING = Offset.offset(2e-5);

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void mergeIsTheWeightedSumOfTheDeltas(long seed) throws IOException {
        Random random = new Random(seed);
        List<RandomLora> loras = List.of(
                new RandomLora(seed + 10, 1 + random.nextInt(6)),
                new RandomLora(seed + 20, 1 + random.nextInt(6), RandomLora.MODULES.subList(1, 3)),
                new RandomLora(seed + 30, 1 + random.nextInt(6)));
        List<Double> strengths = List.of(0.8, -0.5, random.nextDouble());
        MergedLora merged = new MergedLora(loras, strengths);
        int rank = loras.stream().mapToInt(LoraSource::rank).sum();
        assertThat(merged.modules()).extracting(Shape::rank).containsOnly(rank);
        RandomLora.deltas(merged).forEach((module, delta) -> {
            double[][] expected = new double[delta.length][delta[0].length];
            for (int i = 0; i < loras.size(); i++) {
                double[][] part = deltas(loras.get(i)).get(module);
                expected = part == null ? expected : RandomLora.plus(expected, part, strengths.get(i));
            }
            assertClose(delta, expected);
        });
    }

    /**
     * An alpha beside a LoRA's factors is another number than its rank in Lightning's files, and in kohya's: what counts is
     * alpha/rank · up·down, of layers that Qwen-Image-i2L leaves alone too.
     */
    @ParameterizedTest
    @CsvSource({
        "lightning-names.safetensors, '', ., transformer_blocks.1.img_mlp.net.2",
        "musubi-all-linear.safetensors, lora_unet_, _, transformer_blocks.1.img_mlp.net.0.proj"
    })
    void aLoraOfAnotherAlphaThanItsRankIsConvertedReducedAndMergedWithOursAtItsStrength(
            String name, String prefix, String dot, String someModule) throws IOException {
        Path path = Path.of("src/test/resources/loras", name);
        try (LoraFile lora = LoraFile.open(path)) {
            Map<String, double[][]> expected = scaledByAlpha(path, lora.modules(), prefix, dot);
            assertThat(expected).containsKey(someModule);
            ReducedLora reduced = ReducedLora.toRank(lora, lora.rank() - 1);
            RandomLora ours = new RandomLora(
                    7,
                    lora.modules().stream()
                            .map(shape -> new Shape(shape.name(), 3, shape.in(), shape.out()))
                            .toList());
            Path oursPath = ours.write(folder.resolve("ours.safetensors"), ElementType.FLOAT32, KeyFormat.COMFYUI);
            try (LoraFile converted = written(lora);
                    LoraFile merged =
                            written(new MergedLora(List.of(lora, LoraFile.open(oursPath)), List.of(0.5, 2.0)))) {
                RandomLora.deltas(converted).forEach((module, delta) -> assertClose(delta, expected.get(module)));
                Map<String, double[][]> ofOurs = RandomLora.deltas(ours);
                RandomLora.deltas(merged).forEach((module, delta) -> {
                    double[][] half = RandomLora.plus(expected.get(module), expected.get(module), -0.5);
                    assertClose(delta, RandomLora.plus(half, ofOurs.get(module), 2));
                });
                assertThat(LoraDistance.total(LoraDistance.between(lora, converted))
                                .relativeNorm())
                        .isLessThan(1e-6);
            }
            double lost = 0;
            double all = 0;
            for (double[][] delta : expected.values()) {
                double[] squares = RandomLora.squaredSingularValues(delta);
                lost += Arrays.stream(squares).skip(lora.rank() - 1).sum();
                all += Arrays.stream(squares).sum();
            }
            assertThat(reduced.reduction().error()).isCloseTo(Math.sqrt(lost / all), ROUNDING);
        }
    }

    private LoraFile written(LoraSource source) throws IOException {
        Path path = folder.resolve("written-%d.safetensors".formatted(source.rank()));
        try (FileChannel out = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            LoraWriter.write(out, source, ElementType.FLOAT32, KeyFormat.COMFYUI);
        }
        return LoraFile.open(path);
    }

    /** alpha/rank · up·down, from the tensors as they lie in the file. */
    private static Map<String, double[][]> scaledByAlpha(Path path, List<Shape> modules, String prefix, String dot)
            throws IOException {
        Map<String, double[][]> deltas = new TreeMap<>();
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            for (Shape shape : modules) {
                String stem = prefix + shape.name().replace(".", dot);
                float[] down = floats(file, stem + ".lora_down.weight");
                float[] up = floats(file, stem + ".lora_up.weight");
                int rank = Math.toIntExact(
                        file.tensors().get(stem + ".lora_down.weight").shape().get(0));
                double alpha = floats(file, stem + ".alpha")[0];
                assertThat(alpha).isNotEqualTo(rank);
                double[][] delta = new double[shape.out()][shape.in()];
                for (int o = 0; o < shape.out(); o++) {
                    for (int i = 0; i < shape.in(); i++) {
                        for (int r = 0; r < rank; r++) {
                            delta[o][i] += alpha / rank * up[o * rank + r] * down[r * shape.in() + i];
                        }
                    }
                }
                deltas.put(shape.name(), delta);
            }
            assertThat(file.tensors()).hasSize(3 * modules.size());
        }
        return deltas;
    }

    private static float[] floats(SafetensorsFile file, String name) throws IOException {
        TensorInfo tensor = file.tensors().get(name);
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(tensor.byteSize()));
        file.read(name, 0, bytes);
        return FloatCodec.decode(bytes.flip(), tensor.dtype());
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void reductionIsTheClosestDeltaOfItsRank(long seed) throws IOException {
        int rank = 2 + new Random(seed).nextInt(5);
        assertClosest(new RandomLora(seed, rank), rank - 1);
    }

    /** Large matrices are taken apart in another way. */
    @ParameterizedTest
    @ValueSource(ints = {32, 33, 70})
    void reductionOfAHighRankIsTheClosestDeltaOfItsRank(int rank) throws IOException {
        assertClosest(new RandomLora(1, rank), 5);
    }

    private static void assertClosest(LoraSource lora, int rank) throws IOException {
        ReducedLora reduced = ReducedLora.toRank(lora, rank);
        Map<String, double[][]> before = RandomLora.deltas(lora);
        Map<String, double[][]> after = RandomLora.deltas(reduced);
        double lost = 0;
        double all = 0;
        for (String module : before.keySet()) {
            double[][] difference = RandomLora.plus(before.get(module), after.get(module), -1);
            double[] squares = RandomLora.squaredSingularValues(before.get(module));
            double tail = Arrays.stream(squares).skip(rank).sum();
            double squared = RandomLora.inner(difference, difference);
            // Eckart–Young: no matrix of this rank is closer
            assertThat(squared).isCloseTo(tail, Offset.offset(1e-4 * squares[0]));
            assertThat(reduced.reduction().errors().get(module))
                    .isCloseTo(Math.sqrt(squared / RandomLora.inner(before.get(module), before.get(module))), ROUNDING);
            lost += squared;
            all += RandomLora.inner(before.get(module), before.get(module));
        }
        assertThat(reduced.reduction().error()).isCloseTo(Math.sqrt(lost / all), ROUNDING);
        assertThat(reduced.metadata())
                .containsEntry("i2l.rank", String.valueOf(rank))
                .containsEntry(
                        "i2l.reduction_error",
                        String.valueOf(reduced.reduction().error()))
                .containsEntry("i2l.variants", "style");
        assertThat(reduced.metadata().get("i2l.reduction_error_by_module").split(",", -1))
                .hasSize(RandomLora.MODULES.size())
                .allMatch(module -> module.matches("transformer_blocks\\.\\d+\\.[a-z_0-9.]+=\\d\\.\\d{3}e[+-]\\d\\d"));
    }

    @Test
    void whatFitsInTheRankIsKept() throws IOException {
        RandomLora lora = new RandomLora(1, 3);
        MergedLora twice = new MergedLora(List.of(lora, lora), List.of(0.5, 0.5));
        ReducedLora reduced = ReducedLora.toRank(twice, 3);
        assertThat(reduced.reduction().error()).isLessThan(1e-7);
        Map<String, double[][]> expected = RandomLora.deltas(lora);
        RandomLora.deltas(reduced).forEach((module, delta) -> assertClose(delta, expected.get(module)));
        assertThat(ReducedLora.toRank(lora, 9).rank()).isEqualTo(3);
    }

    @Test
    void aReductionDoesNotDependOnHowADeltaIsSharedBetweenItsFactors() throws IOException {
        RandomLora lora = new RandomLora(4, 5);
        ReducedLora reduced = ReducedLora.toRank(new Rescaled(lora), 3);
        ReducedLora expected = ReducedLora.toRank(lora, 3);
        assertThat(reduced.reduction().error()).isCloseTo(expected.reduction().error(), ROUNDING);
        assertThat(LoraDistance.total(LoraDistance.between(expected, reduced)).relativeNorm())
                .isLessThan(1e-6);
    }

    /** The same deltas by other factors: rows of A from a billion times smaller to a billion times larger. */
    private record Rescaled(RandomLora lora) implements LoraSource {
        @Override
        public List<Shape> modules() {
            return lora.modules();
        }

        @Override
        public Factors factors(Shape module) {
            Factors factors = lora.factors(module);
            float[] a = factors.a().clone();
            float[] b = factors.b().clone();
            for (int i = 0; i < a.length; i++) {
                a[i] *= scale(i / module.in(), module.rank());
            }
            for (int i = 0; i < b.length; i++) {
                b[i] /= scale(i % module.rank(), module.rank());
            }
            return new Factors(a, b);
        }

        private static float scale(int row, int rank) {
            return Math.scalb(1f, -30 + 60 * row / (rank - 1));
        }

        @Override
        public Map<String, String> metadata() {
            return lora.metadata();
        }
    }

    @Test
    void whatCancelsOutIsReducedToNothing() throws IOException {
        RandomLora lora = new RandomLora(1, 3);
        ReducedLora reduced = ReducedLora.toRank(new MergedLora(List.of(lora, lora), List.of(1.0, -1.0)), 2);
        assertThat(reduced.reduction().error()).isZero();
        for (Shape module : reduced.modules()) {
            assertThat(reduced.factors(module).a()).containsOnly(0);
            assertThat(reduced.factors(module).b()).containsOnly(0);
        }
    }

    @Test
    void theLowestRankThatMeetsAnError() throws IOException {
        RandomLora lora = new RandomLora(7, 6);
        ReducedLora reduced = ReducedLora.toError(lora, 0.4);
        assertThat(reduced.reduction().error()).isLessThanOrEqualTo(0.4);
        assertThat(ReducedLora.toRank(lora, reduced.rank() - 1).reduction().error())
                .isGreaterThan(0.4);
        assertThat(ReducedLora.toError(lora, 0).rank()).isEqualTo(6);
        assertThatThrownBy(() -> ReducedLora.toError(lora, 1.5)).hasMessageContaining("Invalid error: 1.5");
        assertThatThrownBy(() -> ReducedLora.toRank(lora, 0)).hasMessageContaining("Invalid rank: 0");
    }

    @Test
    void reductionIsDeterministic() throws IOException {
        RandomLora lora = new RandomLora(3, 5);
        assertThat(bytes(ReducedLora.toRank(lora, 2))).isEqualTo(bytes(ReducedLora.toRank(lora, 2)));
    }

    private static byte[] bytes(LoraSource lora) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        LoraWriter.write(Channels.newChannel(out), lora, ElementType.FLOAT32, KeyFormat.COMFYUI, Map.of());
        return out.toByteArray();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void distanceIsThatOfTheDeltas(long seed) throws IOException {
        RandomLora first = new RandomLora(seed, 4);
        RandomLora second = new RandomLora(seed + 9, 2, RandomLora.MODULES.subList(0, 3));
        Map<String, LoraDistance> distances = LoraDistance.between(first, second);
        Map<String, double[][]> deltas1 = RandomLora.deltas(first);
        Map<String, double[][]> deltas2 = RandomLora.deltas(second);
        for (String module : RandomLora.MODULES.subList(0, 3)) {
            double[][] a = deltas1.get(module);
            double[][] b = deltas2.get(module);
            double normA = Math.sqrt(RandomLora.inner(a, a));
            double[][] difference = RandomLora.plus(a, b, -1);
            assertThat(distances.get(module).cosine())
                    .isCloseTo(RandomLora.inner(a, b) / normA / Math.sqrt(RandomLora.inner(b, b)), ROUNDING);
            assertThat(distances.get(module).relativeNorm())
                    .isCloseTo(Math.sqrt(RandomLora.inner(difference, difference)) / normA, ROUNDING);
        }
        assertThat(distances.get(RandomLora.MODULES.get(3)).relativeNorm()).isEqualTo(1);
        LoraDistance same = LoraDistance.total(LoraDistance.between(first, first));
        assertThat(same.cosine()).isCloseTo(1, ROUNDING);
        assertThat(same.relativeNorm()).isCloseTo(0, Offset.offset(1e-6));
    }

    @ParameterizedTest
    @EnumSource
    void everyFormatIsReadBack(KeyFormat format) throws IOException {
        RandomLora lora = new RandomLora(5, 4);
        Path path = lora.write(folder.resolve(format.id() + ".safetensors"), ElementType.FLOAT32, format);
        try (LoraFile file = LoraFile.open(path)) {
            assertThat(file.keyFormat()).isEqualTo(format);
            assertThat(file.modules()).isEqualTo(lora.modules());
            assertThat(file.metadata()).isEqualTo(lora.metadata());
            for (Shape module : file.modules()) {
                assertThat(file.factors(module).a())
                        .isEqualTo(lora.factors(module).a());
                assertThat(file.factors(module).b())
                        .isEqualTo(lora.factors(module).b());
            }
        }
    }

    /**
     * Names that the tools look up. ComfyUI's {@code comfy/lora.py} maps, for every layer {@code L} of a model,
     * {@code diffusion_model.L} and {@code lora_unet_} with L's dots as underscores, and for Qwen-Image {@code L} and
     * {@code transformer.L} too, and then looks for {@code .lora_up.weight} or {@code .lora_B.weight} behind them.
     * diffusers' converter for Qwen-Image takes kohya's names to have an alpha each.
     */
    @ParameterizedTest
    @CsvSource({
        "COMFYUI, diffusion_model.transformer_blocks.0.attn.to_out.0.lora_A.weight, diffusion_model.transformer_blocks.0.attn.to_out.0.lora_B.weight",
        "DIFFSYNTH, transformer_blocks.0.attn.to_out.0.lora_A.default.weight, transformer_blocks.0.attn.to_out.0.lora_B.default.weight",
        "DIFFUSERS, transformer.transformer_blocks.0.attn.to_out.0.lora_A.weight, transformer.transformer_blocks.0.attn.to_out.0.lora_B.weight",
        "KOHYA, lora_unet_transformer_blocks_0_attn_to_out_0.lora_down.weight, lora_unet_transformer_blocks_0_attn_to_out_0.lora_up.weight",
        "PEFT, base_model.model.transformer_blocks.0.attn.to_out.0.lora_A.weight, base_model.model.transformer_blocks.0.attn.to_out.0.lora_B.weight"
    })
    void namesAreThoseOfTheTools(KeyFormat format, String a, String b) throws IOException {
        RandomLora lora = new RandomLora(5, 4, List.of("transformer_blocks.0.attn.to_out.0"));
        Path path = lora.write(folder.resolve("lora.safetensors"), ElementType.BFLOAT16, format);
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThat(file.tensors().get(a).shape()).containsExactly(4L, 9L);
            assertThat(file.tensors().get(b).shape()).containsExactly(7L, 4L);
            assertThat(file.tensors()).hasSize(format == KeyFormat.KOHYA ? 3 : 2);
            if (format == KeyFormat.KOHYA) {
                String alpha = "lora_unet_transformer_blocks_0_attn_to_out_0.alpha";
                assertThat(file.tensors().get(alpha).shape()).isEmpty();
                ByteBuffer value = ByteBuffer.allocate(4);
                file.read(alpha, 0, value);
                assertThat(FloatCodec.decode(value.flip(), DType.F32)).containsExactly(4);
            }
        }
    }

    /** Tools differ in what they take a strength to be where ranks differ, so all modules are written with one rank. */
    @ParameterizedTest
    @EnumSource
    void allModulesAreWrittenWithOneRank(KeyFormat format) throws IOException {
        LoraSource mixed = new MixedLora(
                new RandomLora(5, 2, RandomLora.MODULES.subList(0, 2)),
                new RandomLora(6, 5, RandomLora.MODULES.subList(2, 4)));
        Path path = folder.resolve("lora.safetensors");
        try (FileChannel out = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            LoraWriter.write(out, mixed, ElementType.FLOAT32, format);
        }
        try (LoraFile file = LoraFile.open(path)) {
            assertThat(file.modules()).extracting(Shape::rank).containsOnly(5);
            Map<String, double[][]> expected = RandomLora.deltas(mixed);
            RandomLora.deltas(file).forEach((module, delta) -> assertClose(delta, expected.get(module)));
        }
    }

    /** The modules of two LoRAs, each with its rank. */
    private record MixedLora(RandomLora first, RandomLora second) implements LoraSource {
        @Override
        public List<Shape> modules() {
            return Stream.of(first, second)
                    .flatMap(lora -> lora.modules().stream())
                    .toList();
        }

        @Override
        public Factors factors(Shape module) {
            return (first.modules().contains(module) ? first : second).factors(module);
        }

        @Override
        public Map<String, String> metadata() {
            return Map.of();
        }
    }

    /** What was true of the factors as they were read is not said of those that are written. */
    @Test
    void aHeaderSaysOnlyWhatStillHolds() throws IOException {
        Path path = TensorFile.ofPair(
                        "transformer.transformer_blocks.0.attn.to_q.lora_A.weight",
                        "transformer.transformer_blocks.0.attn.to_q.lora_B.weight")
                .withHeader("lora_adapter_metadata", "{\"transformer.r\": 2, \"transformer.lora_alpha\": 1}")
                .withHeader("ss_network_alpha", "1")
                .withHeader("ss_network_dim", "2")
                .withHeader("ss_network_args", "{\"rank_dropout\": 0}")
                .withHeader("sshs_model_hash", "12ab")
                .withHeader("modelspec.hash_sha256", "0x12ab")
                .withHeader("lora_alpha", "1")
                .withHeader("ss_tag_frequency", "{}")
                .withHeader("modelspec.title", "ink")
                .withHeader("i2l.rank", "7")
                .withHeader("i2l.variants", "style")
                .write(folder.resolve("in.safetensors"));
        try (LoraFile in = LoraFile.open(path)) {
            for (LoraSource source : List.of(in, ReducedLora.toRank(in, 1))) {
                Path written = folder.resolve("out-%d.safetensors".formatted(source.rank()));
                try (FileChannel out =
                        FileChannel.open(written, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                    LoraWriter.write(out, source, ElementType.FLOAT32, KeyFormat.DIFFUSERS);
                }
                try (LoraFile file = LoraFile.open(written)) {
                    assertThat(file.metadata())
                            .containsEntry("format", "pt")
                            .containsEntry("ss_tag_frequency", "{}")
                            .containsEntry("modelspec.title", "ink")
                            .containsEntry("i2l.variants", "style")
                            .containsEntry("i2l.rank", String.valueOf(source.rank()));
                    assertThat(file.metadata().keySet())
                            .noneMatch(field -> field.contains("alpha")
                                    || field.contains("network")
                                    || field.contains("hash")
                                    || field.contains("adapter"));
                    assertThat(LoraDistance.total(LoraDistance.between(in, file))
                                    .relativeNorm())
                            .isLessThan(1e-6);
                }
            }
            assertThat(new MergedLora(List.of(in, in), List.of(1.0, 2.0)).metadata())
                    .containsEntry("i2l.rank", "4")
                    .containsEntry("i2l.merged.1.rank", "2")
                    .containsEntry("i2l.merged.1.strength", "2.0")
                    .containsEntry("i2l.merged.1.variants", "style")
                    .doesNotContainKey("lora_adapter_metadata");
        }
    }

    @Test
    void aPeftConfigNamesWhatIsAdapted() throws IOException {
        assertThat(targets(new RandomLora(
                        5, 4, List.of("transformer_blocks.0.attn.to_q", "transformer_blocks.1.attn.to_q", "img_in"))))
                .containsExactly("attn.to_q", "img_in");
        // layers alone would have PEFT adapt the first block's too
        assertThat(targets(new RandomLora(
                        5, 4, List.of("transformer_blocks.1.attn.to_q", "transformer_blocks.1.img_mlp.net.0.proj"))))
                .containsExactly("transformer_blocks.1.attn.to_q", "transformer_blocks.1.img_mlp.net.0.proj");
        assertThat(targets(new RandomLora(5, 4)))
                .containsExactlyElementsOf(RandomLora.MODULES.stream().sorted().toList());
    }

    @Test
    void aPeftConfigForZImageNamesLayersThatAreInAllItsStacks() throws IOException {
        List<String> everywhere = List.of(
                "layers.0.feed_forward.w1",
                "layers.1.feed_forward.w1",
                "context_refiner.0.feed_forward.w1",
                "noise_refiner.0.feed_forward.w1");
        RandomLora lora = new RandomLora(5, 4, everywhere);
        assertThat(targets(lora)).containsExactly("feed_forward.w1");
        assertThat(new JsonMapper()
                        .readTree(PeftConfig.write(lora))
                        .get("base_model_name_or_path")
                        .asText())
                .isEqualTo("Tongyi-MAI/Z-Image");
        // the layer's name alone would have PEFT adapt the refiners too
        List<String> layers = everywhere.subList(0, 2);
        assertThat(targets(new RandomLora(5, 4, layers))).containsExactlyElementsOf(layers);
    }

    private static List<String> targets(LoraSource lora) throws IOException {
        JsonNode config = new JsonMapper().readTree(PeftConfig.write(lora));
        assertThat(config.get("r").asInt()).isEqualTo(4);
        assertThat(config.get("lora_alpha").asInt()).isEqualTo(4);
        List<String> targets = new ArrayList<>();
        config.get("target_modules").forEach(target -> targets.add(target.asText()));
        return targets;
    }

    @ParameterizedTest
    @EnumSource
    void bfloat16KeepsEightBits(KeyFormat format) throws IOException {
        RandomLora lora = new RandomLora(8, 3);
        Path path = lora.write(folder.resolve("lora.safetensors"), ElementType.BFLOAT16, format);
        try (LoraFile file = LoraFile.open(path)) {
            assertThat(file.type()).isEqualTo(ElementType.BFLOAT16);
            for (Shape module : file.modules()) {
                float[] exact = lora.factors(module).b();
                float[] rounded = file.factors(module).b();
                for (int i = 0; i < exact.length; i++) {
                    assertThat(rounded[i]).isCloseTo(exact[i], Offset.offset(Math.abs(exact[i]) / 256));
                }
            }
        }
    }

    @Test
    void refusesToMergeOrCompareWhatIsForDifferentBaseModels() {
        RandomLora qwen = new RandomLora(1, 2);
        RandomLora zImage = new RandomLora(1, 2, List.of("layers.0.attention.to_q"));
        assertThatThrownBy(() -> new MergedLora(List.of(qwen, zImage), List.of(1.0, 1.0)))
                .hasMessage("Cannot merge: one LoRA is for Qwen-Image, another for Z-Image");
        assertThatThrownBy(() -> LoraDistance.between(zImage, qwen))
                .hasMessage("Cannot compare: one LoRA is for Z-Image, another for Qwen-Image");
    }

    @Test
    void refusesToMergeWhatDoesNotFit() throws IOException {
        RandomLora lora = new RandomLora(1, 2, List.of("transformer_blocks.0.attn.to_q"));
        assertThatThrownBy(() -> new MergedLora(List.of(lora, lora), List.of(1.0)))
                .hasMessageContaining("1 for 2 LoRAs");
        Path other = TensorFile.ofPair(
                        "transformer_blocks.0.attn.to_q.lora_A.default.weight",
                        "transformer_blocks.0.attn.to_q.lora_B.default.weight")
                .write(folder.resolve("other.safetensors"));
        try (LoraFile file = LoraFile.open(other)) {
            assertThatThrownBy(() -> new MergedLora(List.of(lora, file), List.of(1.0, 1.0)))
                    .hasMessage("Cannot merge: transformer_blocks.0.attn.to_q is 7x9 in one LoRA and 1x1 in another");
            assertThatThrownBy(() -> LoraDistance.between(lora, file)).hasMessageStartingWith("Cannot compare");
        }
    }

    @ParameterizedTest
    @CsvSource({"1.0,1.0", "1.00390625,1.0", "1.01171875,1.015625", "-3.1415927,-3.140625", "1e-40,9.18355e-41"})
    void bfloat16RoundsToTheNearestEven(float value, float expected) {
        ByteBuffer bytes = FloatCodec.encode(new float[] {value}, ElementType.BFLOAT16);
        assertThat(FloatCodec.decode(bytes, DType.BF16)[0]).isCloseTo(expected, Offset.offset(1e-43f));
    }

    @ParameterizedTest
    @CsvSource({"0x3C00,1", "0xC248,-3.140625", "0x0001,5.9604645E-8", "0x7BFF,65504", "0x7C00,Infinity"})
    void readsHalfPrecision(String bits, float expected) {
        ByteBuffer bytes = RandomLora.littleEndian(2).putShort((short) (int) Integer.decode(bits));
        assertThat(FloatCodec.decode(bytes.flip(), DType.F16)[0]).isEqualTo(expected);
    }

    private static Map<String, double[][]> deltas(LoraSource lora) {
        try {
            return RandomLora.deltas(lora);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void assertClose(double[][] actual, double[][] expected) {
        for (int i = 0; i < actual.length; i++) {
            assertThat(actual[i]).containsExactly(expected[i], ROUNDING);
        }
    }
}
