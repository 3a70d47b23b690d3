package org.i2lspark.lora;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.assertj.core.data.Offset;
import org.i2lspark.lora.LoraSource.Factors;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.safetensors.DType;
import org.i2lspark.torch.ElementType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** LoRA files as the common tools write them: their names, strengths and types, and what is no LoRA for Qwen-Image. */
class LoraFileTest {
    private static final Path SAMPLES = Path.of("src/test/resources/loras");
    private static final String TO_Q = "transformer_blocks.0.attn.to_q";

    @TempDir
    private Path folder;

    /** Norms are those that PEFT 0.21.2, diffusers 0.42.1, ComfyUI or DiffSynth-Studio apply. */
    @ParameterizedTest
    @CsvSource({
        "diffusers-metadata-alpha.safetensors, DIFFUSERS, 24, 1.6982, 0.2157",
        "fp8.safetensors, COMFYUI, 24, 3.4243, 0.4867",
        "lightning-names.safetensors, DIFFSYNTH, 24, 0.3918, 0.0583",
        "lycoris-prefix.safetensors, KOHYA, 24, 3.3910, 0.4502",
        "musubi-all-linear.safetensors, KOHYA, 28, 1.9328, 0.2467",
        "named-adapter.safetensors, DIFFSYNTH, 24, 3.3626, 0.3971",
        "peft-rank-pattern, PEFT, 24, 4.2230, 0.3266",
        "mixed-rank.safetensors, DIFFUSERS, 24, 3.2760, 0.6346"
    })
    void readsWhatToolsWrite(String name, KeyFormat format, int modules, double norm, double ofToQ) throws IOException {
        try (LoraFile lora = LoraFile.open(SAMPLES.resolve(name))) {
            Map<String, Double> norms = LoraDistance.norms(lora);
            double all = norms.values().stream().reduce(0.0, Math::hypot);
            assertThat(all).isCloseTo(norm, Offset.offset(1e-4));
            assertThat(norms.get(TO_Q)).isCloseTo(ofToQ, Offset.offset(1e-4));
            assertThat(lora.modules()).hasSize(modules);
            assertThat(lora.keyFormat()).isEqualTo(format);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "transformer.",
                "diffusion_model.",
                "model.diffusion_model.",
                "base_model.model.",
                "base_model.model.transformer.",
                "unet.base_model.model.",
                "pipe.dit."
            })
    void anyKnownPrefixIsRead(String prefix) throws IOException {
        for (String module : List.of(TO_Q, "transformer_blocks.59.txt_mlp.net.0.proj", "norm_out.linear", "img_in")) {
            String path = prefix + module;
            assertReads(module, path + ".lora_A.weight", path + ".lora_B.weight");
            assertReads(module, path + ".lora_A.my_style.weight", path + ".lora_B.my_style.weight");
            assertReads(module, path + ".lora_A.v1.0 (ink).weight", path + ".lora_B.v1.0 (ink).weight");
            assertReads(module, path + ".lora_down.weight", path + ".lora_up.weight");
            assertReads(module, path + ".lora_down", path + ".lora_up");
            assertReads(module, path + ".lora.down.weight", path + ".lora.up.weight");
            assertReads(module, path + "_lora.down.weight", path + "_lora.up.weight");
            assertReads(module, path + ".lora_linear_layer.down.weight", path + ".lora_linear_layer.up.weight");
        }
    }

    /** Underscores do not say where dots were, so every layer's name is looked up among those that there are. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "lora_unet_",
                "lora_transformer_",
                "lycoris_",
                "lycoris_transformer_",
                "lora_",
                "lora_unet_diffusion_model_"
            })
    void flattenedNamesAreResolved(String prefix) throws IOException {
        List<String> layers = List.of(
                "attn.to_q",
                "attn.to_k",
                "attn.to_v",
                "attn.to_out.0",
                "attn.add_q_proj",
                "attn.add_k_proj",
                "attn.add_v_proj",
                "attn.to_add_out",
                "img_mlp.net.0.proj",
                "img_mlp.net.2",
                "img_mod.1",
                "txt_mlp.net.0.proj",
                "txt_mlp.net.2",
                "txt_mod.1");
        for (String layer : layers) {
            assertReadsFlat(prefix, "transformer_blocks.17." + layer);
        }
        for (String module : List.of(
                "img_in",
                "txt_in",
                "time_text_embed.timestep_embedder.linear_1",
                "time_text_embed.timestep_embedder.linear_2",
                "norm_out.linear",
                "proj_out")) {
            assertReadsFlat(prefix, module);
        }
    }

    private void assertReadsFlat(String prefix, String module) throws IOException {
        String path = prefix + module.replace('.', '_');
        assertReads(module, path + ".lora_down.weight", path + ".lora_up.weight");
    }

    private void assertReads(String module, String a, String b) throws IOException {
        try (LoraFile lora = LoraFile.open(TensorFile.ofPair(a, b).write(folder.resolve("lora.safetensors")))) {
            assertThat(lora.modules()).as(a).containsExactly(new Shape(module, 2, 1, 1));
            assertThat(delta(lora)).as(a).isEqualTo(8);
        }
    }

    /** B·A of a layer of one input and one output. */
    private static double delta(LoraFile lora) throws IOException {
        Factors factors = lora.factors(lora.modules().get(0));
        double sum = 0;
        for (int r = 0; r < factors.a().length; r++) {
            sum += (double) factors.a()[r] * factors.b()[r];
        }
        return sum;
    }

    @ParameterizedTest
    @CsvSource({
        "lora_unet_transformer_blocks_0_attn_to_q.alpha",
        "transformer_blocks.0.attn.to_q.alpha",
        "transformer.transformer_blocks.0.attn.to_q.alpha",
        "lycoris_transformer_blocks_0_attn_to_q.alpha",
        "diffusion_model.transformer_blocks.0.attn.to_q.lora_alpha"
    })
    void anAlphaIsDividedByTheRank(String alpha) throws IOException {
        TensorFile pair = TensorFile.ofPair(TO_Q + ".lora_down.weight", TO_Q + ".lora_up.weight");
        Path path = pair.with(alpha, List.of(), 0.5f).write(folder.resolve("lora.safetensors"));
        try (LoraFile lora = LoraFile.open(path)) {
            assertThat(delta(lora)).isEqualTo(8 * 0.5 / 2);
        }
    }

    @Test
    void anAlphaMayBeAWholeNumberAndOfOneElement() throws IOException {
        Path path = TensorFile.ofPair(TO_Q + ".lora_A.weight", TO_Q + ".lora_B.weight")
                .with(
                        TO_Q + ".alpha",
                        DType.I64,
                        List.of(1L),
                        RandomLora.littleEndian(8).putLong(0, 4))
                .write(folder.resolve("lora.safetensors"));
        try (LoraFile lora = LoraFile.open(path)) {
            assertThat(delta(lora)).isEqualTo(8 * 4 / 2.0);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "{'r': 2, 'lora_alpha': 1}; 0.5",
                "{'r': 2, 'lora_alpha': 3.0}; 1.5",
                "{'r': 2, 'lora_alpha': 8, 'use_rslora': true}; 5.656854",
                "{'r': 8, 'lora_alpha': 8, 'rank_pattern': {'to_q': 2}}; 4",
                "{'r': 8, 'lora_alpha': 8, 'rank_pattern': {'attn.to_q': 2}, 'alpha_pattern': {'to_q': 2}}; 1",
                "{'r': 2, 'lora_alpha': 8, 'alpha_pattern': {'o_q': 2}}; 4",
                "{'r': 2, 'lora_alpha': 8, 'alpha_pattern': {'attn': 2, 'to_k': 2}}; 4",
                "{'r': 2, 'lora_alpha': 8, 'alpha_pattern': {'^transformer_blocks.0.attn.to_q': 2, 'to_q': 6}}; 1",
                "{'r': 2, 'lora_alpha': 8, 'alpha_pattern': {'to_q': 6, '^transformer_blocks.0.attn.to_q': 2}}; 3",
                "{'r': 2, 'lora_alpha': 8, 'alpha_pattern': {'blocks\\\\.[0-9]+\\\\.attn\\\\.to_(q|k)': 2}}; 4",
                "{'r': 2, 'lora_alpha': 8, 'alpha_pattern': {'.*blocks\\\\.[0-9]+\\\\.attn\\\\.to_(?P<which>q|k)': 2}}; 1",
                "{'r': 2, 'lora_alpha': 8, 'alpha_pattern': null, 'rank_pattern': null}; 4",
                "{'r': 2}; 4",
                "{'r': 2, 'lora_alpha': 2, 'fan_in_fan_out': true, 'bias': 'none', 'init_lora_weights': true}; 1"
            })
    void aConfigIsReadAsPeftReadsIt(String config, double scale) throws IOException {
        String json = config.replace('\'', '"');
        try (LoraFile lora = LoraFile.open(adapter(json))) {
            assertThat(delta(lora)).isCloseTo(8 * scale, Offset.offset(1e-5));
        }
        Path path = TensorFile.ofPair(
                        "transformer." + TO_Q + ".lora_A.weight", "transformer." + TO_Q + ".lora_B.weight")
                .withHeader("lora_adapter_metadata", json)
                .write(folder.resolve("bare.safetensors"));
        try (LoraFile lora = LoraFile.open(path)) {
            assertThat(delta(lora)).isCloseTo(8 * scale, Offset.offset(1e-5));
        }
        path = TensorFile.ofPair("transformer." + TO_Q + ".lora_A.weight", "transformer." + TO_Q + ".lora_B.weight")
                .withHeader("lora_adapter_metadata", ofComponent(json))
                .write(folder.resolve("component.safetensors"));
        try (LoraFile lora = LoraFile.open(path)) {
            assertThat(delta(lora)).isCloseTo(8 * scale, Offset.offset(1e-5));
        }
    }

    /** As diffusers packs the configs of a pipeline's components; another component's say nothing here. */
    private static String ofComponent(String json) {
        return json.replaceAll("\"([a-z_]+)\"(: (?:[0-9.]+|true|null|\"|\\{))", "\"transformer.$1\"$2")
                .replaceAll("\\{\"transformer\\.(to_q|o_q|attn|to_k)\"", "{\"$1\"")
                .replaceAll(", \"transformer\\.(to_q|o_q|attn|to_k)\"", ", \"$1\"")
                .replaceFirst("\\{", "{\"text_encoder.r\": 64, \"text_encoder.lora_alpha\": 1, ");
    }

    private Path adapter(String config) throws IOException {
        Path adapter = Files.createDirectories(folder.resolve("adapter"));
        TensorFile.ofPair("base_model.model." + TO_Q + ".lora_A.weight", "base_model.model." + TO_Q + ".lora_B.weight")
                .write(adapter.resolve("adapter_model.safetensors"));
        Files.writeString(adapter.resolve("adapter_config.json"), config, UTF_8);
        return adapter;
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{}| gives transformer_blocks.0.attn.to_q rank 8, its factors have 2",
                "{'r': 4, 'lora_alpha': 4}| gives transformer_blocks.0.attn.to_q rank 4, its factors have 2",
                "{'r': 2, 'lora_alpha': 'much'}| lora_alpha is \"much\" (expected a number)",
                "{'r': 2, 'alpha_pattern': {'(': 2}}| alpha_pattern '(' is no regular expression",
                "{'r': 2, 'use_dora': true}| use_dora is true, which is not supported",
                "{'r': 2, 'lora_bias': true}| lora_bias is true, which is not supported",
                "{'r': 2, 'bias': 'all'}| bias is all, which is not supported",
                "{'r': 2, 'modules_to_save': ['proj_out']}| modules_to_save is [\"proj_out\"], which is not supported",
                "{'r': 2, 'layer_replication': [[0, 4], [2, 5]]}| layer_replication is [[0,4],[2,5]], which is not supported",
                "{'r': 2, 'init_lora_weights': 'pissa_niter_4'}| init_lora_weights is pissa_niter_4, which is not supported",
                "{'r': 2, 'init_lora_weights': 'olora'}| init_lora_weights is olora, which is not supported",
                "{'peft_type': 'LOKR', 'r': 2}| peft_type is LOKR, which is not supported",
                "{'r': 2, 'base_model_name_or_path': 'black-forest-labs/FLUX.1-dev'}| it says that it is for Flux",
                "[1]| it is no JSON object",
                "{'r': | it is not JSON"
            })
    void aConfigThatSaysMoreThanAStrengthIsRefused(String config, String message) throws IOException {
        Path adapter = adapter(config.replace('\'', '"'));
        assertThatThrownBy(() -> LoraFile.open(adapter))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(message)
                .hasMessageContaining("adapter");
    }

    @Test
    void anAdapterWithoutItsConfigIsRefused() throws IOException {
        Path adapter = adapter("{}");
        Files.delete(adapter.resolve("adapter_config.json"));
        for (Path path : List.of(adapter, adapter.resolve("adapter_model.safetensors"))) {
            assertThatThrownBy(() -> LoraFile.open(path))
                    .hasMessageEndingWith("there is no adapter_config.json beside it, which says how strong it is");
        }
    }

    @Test
    void alphasBesideAConfigAreRefused() throws IOException {
        Path adapter = adapter("{\"r\": 2, \"lora_alpha\": 1}");
        TensorFile.ofPair("base_model.model." + TO_Q + ".lora_A.weight", "base_model.model." + TO_Q + ".lora_B.weight")
                .with("base_model.model." + TO_Q + ".alpha", List.of(), 1)
                .write(adapter.resolve("adapter_model.safetensors"));
        assertThatThrownBy(() -> LoraFile.open(adapter))
                .hasMessageContaining(
                        "it has alphas, such as 'base_model.model." + TO_Q + ".alpha', beside a config of PEFT");
    }

    /** As diffusers does: it bakes alphas in when it reads the names, and then applies the header. */
    @Test
    void alphasAndAHeaderBothCount() throws IOException {
        Path path = TensorFile.ofPair(TO_Q + ".lora_down.weight", TO_Q + ".lora_up.weight")
                .with(TO_Q + ".alpha", List.of(), 1)
                .withHeader("lora_adapter_metadata", "{\"transformer.r\": 2, \"transformer.lora_alpha\": 6}")
                .write(folder.resolve("lora.safetensors"));
        try (LoraFile lora = LoraFile.open(path)) {
            assertThat(delta(lora)).isEqualTo(8 * 0.5 * 3);
        }
    }

    @Test
    void aHeaderThatSaysNothingOfTheTransformerIsRefused() throws IOException {
        Path path = TensorFile.ofPair(
                        "transformer." + TO_Q + ".lora_A.weight", "transformer." + TO_Q + ".lora_B.weight")
                .withHeader("lora_adapter_metadata", "{\"text_encoder.r\": 2}")
                .write(folder.resolve("lora.safetensors"));
        assertThatThrownBy(() -> LoraFile.open(path))
                .hasMessage("Invalid lora_adapter_metadata in the header of %s: it says nothing of the transformer"
                                .formatted(path)
                        + " (expected r and lora_alpha)");
    }

    @Test
    void aFolderNeedsWeights() throws IOException {
        Path empty = Files.createDirectories(folder.resolve("empty"));
        assertThatThrownBy(() -> LoraFile.open(empty))
                .hasMessage(
                        "Cannot open %s: it is a folder without adapter_model.safetensors or pytorch_lora_weights.safetensors"
                                .formatted(empty));
        TensorFile.ofPair("transformer." + TO_Q + ".lora_A.weight", "transformer." + TO_Q + ".lora_B.weight")
                .write(empty.resolve("pytorch_lora_weights.safetensors"));
        try (LoraFile lora = LoraFile.open(empty)) {
            assertThat(delta(lora)).isEqualTo(8);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "F8_E4M3, 0x00, 0",
        "F8_E4M3, 0x01, 0.001953125",
        "F8_E4M3, 0x38, 1",
        "F8_E4M3, 0xC4, -3",
        "F8_E4M3, 0x7E, 448",
        "F8_E4M3, 0x7F, NaN",
        "F8_E4M3, 0xFF, NaN",
        "F8_E5M2, 0x01, 1.52587890625E-5",
        "F8_E5M2, 0x3C, 1",
        "F8_E5M2, 0xC2, -3",
        "F8_E5M2, 0x7B, 57344",
        "F8_E5M2, 0x7C, Infinity",
        "F8_E5M2, 0x7F, NaN"
    })
    void readsEightBitFloats(DType type, String bits, float expected) {
        ByteBuffer bytes = ByteBuffer.wrap(new byte[] {(byte) (int) Integer.decode(bits)});
        assertThat(FloatCodec.decode(bytes, type)).containsExactly(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"scale_weight", "weight_scale"})
    void eightBitFactorsHaveTheirScales(String leaf) throws IOException {
        ByteBuffer ones = ByteBuffer.wrap(new byte[] {0x38, 0x38});
        Path path = new TensorFile()
                .with(TO_Q + ".lora_A.weight", DType.F8_E4M3, List.of(2L, 1L), ones)
                .with(TO_Q + ".lora_A." + leaf, List.of(), 0.5f)
                .with(TO_Q + ".lora_B.weight", DType.F8_E4M3, List.of(1L, 2L), ones)
                .with(TO_Q + ".lora_B." + leaf, List.of(1L), 3)
                .with("scaled_fp8", DType.F8_E4M3, List.of(0L), ByteBuffer.allocate(0))
                .write(folder.resolve("lora.safetensors"));
        try (LoraFile lora = LoraFile.open(path)) {
            assertThat(delta(lora)).isEqualTo(2 * 0.5 * 3);
            assertThat(lora.storedTypes()).containsExactly(DType.F8_E4M3);
            assertThat(lora.type()).isEqualTo(ElementType.FLOAT32);
        }
        Path rows = new TensorFile()
                .with(TO_Q + ".lora_A.weight", DType.F8_E4M3, List.of(2L, 1L), ones)
                .with(TO_Q + ".lora_A." + leaf, List.of(2L, 1L), 1, 2)
                .with(TO_Q + ".lora_B.weight", DType.F8_E4M3, List.of(1L, 2L), ones)
                .write(folder.resolve("rows.safetensors"));
        assertThatThrownBy(() -> LoraFile.open(rows)).hasMessageContaining("is 2x1 F32 (expected one number)");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "lora_unet_transformer_blocks_0_attn_to_q.lokr_w1| it is LoKr",
                "diffusion_model.transformer_blocks.0.attn.to_q.lokr_w2_a| it is LoKr",
                "lycoris_transformer_blocks_0_attn_to_q.hada_w1_a| it is LoHa",
                "transformer_blocks.0.attn.to_q.dora_scale| it is DoRA",
                "base_model.model.transformer_blocks.0.attn.to_q.lora_magnitude_vector| it is DoRA",
                "transformer_blocks.0.attn.to_q.lora_magnitude_vector.default.weight| it is DoRA",
                "diffusion_model.transformer_blocks.0.attn.to_q.diff| it is full differences of weights",
                "diffusion_model.transformer_blocks.0.attn.to_q.diff_b| it is full differences of weights",
                "lora_unet_transformer_blocks_0_attn_to_q.oft_blocks| it is OFT",
                "lora_unet_transformer_blocks_0_attn_to_q.lora_mid.weight| convolutions",
                "transformer_blocks.0.attn.to_q.lora_B.bias| a LoRA with biases",
                "transformer_blocks.0.attn.to_q.lora_B.default.bias| a LoRA with biases",
                "base_model.model.proj_out.weight| whole weights (modules_to_save",
                "transformer_blocks.0.attn.to_q.bias| whole weights",
                "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight| for a text encoder",
                "text_encoder.model.layers.0.self_attn.q_proj.lora_A.weight| for a text encoder",
                "lora_te_layers_0_mlp_down_proj.lora_down.weight| for a text encoder",
                "transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight| for Flux",
                "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight| for Flux",
                "transformer.transformer_blocks.0.ff_context.net.0.proj.lora_A.weight| for Flux",
                "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q.lora_down.weight| for Stable Diffusion 1.5 or XL",
                "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight| for Stable Diffusion 1.5 or XL",
                "diffusion_model.blocks.0.self_attn.q.lora_A.weight| for Wan",
                "lora_unet_blocks_0_cross_attn_k.lora_down.weight| for Wan",
                "diffusion_model.layers.0.attention.wo.lora_A.weight| for Lumina",
                "transformer_blocks.0.attn.norm_q.lora_A.weight| is no factor of a linear layer",
                "transformer_blocks.0.attn.to_q.lora_A.weight.scale| is no factor of a linear layer",
                "transformer_blocks.0.attn.to_q.lora_A.scale| is no factor of a linear layer",
                "something.else| is no factor of a linear layer"
            })
    void whatIsNotSupportedIsNamed(String tensor, String message) throws IOException {
        Path path = TensorFile.ofPair(TO_Q + ".lora_A.default.weight", TO_Q + ".lora_B.default.weight")
                .with(tensor, List.of(2L, 2L), 1, 2, 3, 4)
                .write(folder.resolve("lora.safetensors"));
        assertThatThrownBy(() -> LoraFile.open(path))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("Not a LoRA for Qwen-Image or Z-Image: " + path)
                .hasMessageContaining(message)
                .hasMessageContaining("'" + tensor + "'");
    }

    @Test
    void aHeaderThatNamesAnotherBaseIsBelieved() throws IOException {
        assertRefused(
                "it says that it is for Flux ('flux-1-dev/lora')",
                TensorFile.ofPair(TO_Q + ".lora_A.weight", TO_Q + ".lora_B.weight")
                        .withHeader("modelspec.architecture", "flux-1-dev/lora"));
        Path own = TensorFile.ofPair(TO_Q + ".lora_A.weight", TO_Q + ".lora_B.weight")
                .withHeader("modelspec.architecture", "Qwen-Image/lora")
                .withHeader("ss_base_model_version", "qwen_image")
                .write(folder.resolve("own.safetensors"));
        try (LoraFile lora = LoraFile.open(own)) {
            assertThat(lora.modules()).hasSize(1);
        }
    }

    @Test
    void refusesWhatDoesNotFitTogether() throws IOException {
        assertRefused("no tensor is named as in any of the formats", new TensorFile().with("weight", List.of(1L), 1));
        assertRefused(
                "it has transformer_blocks.0.attn.to_q.lora_A.default.weight but no factor B of " + TO_Q,
                new TensorFile().with(TO_Q + ".lora_A.default.weight", List.of(1L, 1L), 1));
        assertRefused(
                "but no factor A of transformer_blocks.1.attn.to_q",
                TensorFile.ofPair(TO_Q + ".lora_A.weight", TO_Q + ".lora_B.weight")
                        .with("transformer_blocks.1.attn.to_q.alpha", List.of(), 1));
        assertRefused(
                "(expected rank x in and out x rank)",
                new TensorFile()
                        .with(TO_Q + ".lora_A.weight", List.of(1L, 1L), 1)
                        .with(TO_Q + ".lora_B.weight", List.of(1L, 2L), 1, 1));
        assertRefused(
                "(expected rank x in and out x rank)",
                new TensorFile()
                        .with(TO_Q + ".lora_down.weight", List.of(1L, 1L, 1L, 1L), 1)
                        .with(TO_Q + ".lora_up.weight", List.of(1L, 1L, 1L, 1L), 1));
        assertRefused(
                "it holds several adapters, one, two (expected one)",
                TensorFile.ofPair(TO_Q + ".lora_A.one.weight", TO_Q + ".lora_B.one.weight")
                        .pair(TO_Q + ".lora_A.two.weight", TO_Q + ".lora_B.two.weight"));
        assertRefused(
                "it has transformer_blocks.0.attn.to_q twice",
                TensorFile.ofPair(TO_Q + ".lora_A.weight", TO_Q + ".lora_B.weight")
                        .pair("transformer." + TO_Q + ".lora_A.weight", "transformer." + TO_Q + ".lora_B.weight"));
        assertRefused(
                "it has layers of two base models, Z-Image and Qwen-Image",
                TensorFile.ofPair(TO_Q + ".lora_A.weight", TO_Q + ".lora_B.weight")
                        .pair("layers.0.attention.to_q.lora_A.weight", "layers.0.attention.to_q.lora_B.weight"));
        assertRefused(
                "is I8, which is not supported (expected F64, F32, F16, BF16, F8_E4M3 or F8_E5M2)",
                new TensorFile()
                        .with(TO_Q + ".lora_A.weight", DType.I8, List.of(1L, 1L), ByteBuffer.allocate(1))
                        .with(TO_Q + ".lora_B.weight", List.of(1L, 1L), 1));
        assertRefused(
                "is F8_E4M3FNUZ, which is not supported",
                new TensorFile()
                        .with(TO_Q + ".lora_A.weight", DType.F8_E4M3FNUZ, List.of(1L, 1L), ByteBuffer.allocate(1))
                        .with(TO_Q + ".lora_B.weight", List.of(1L, 1L), 1));
    }

    private void assertRefused(String message, TensorFile file) throws IOException {
        Path path = file.write(folder.resolve("file.safetensors"));
        assertThatThrownBy(() -> LoraFile.open(path))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("Not a LoRA for Qwen-Image or Z-Image: " + path)
                .hasMessageContaining(message);
    }
}
