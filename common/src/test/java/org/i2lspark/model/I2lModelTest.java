package org.i2lspark.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.i2lspark.decoder.Bias;
import org.i2lspark.decoder.DecoderKind;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.encoder.SigLip2Config;
import org.i2lspark.lora.Transformer;
import org.i2lspark.safetensors.MalformedSafetensorsException;
import org.i2lspark.safetensors.SafetensorsFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class I2lModelTest {
    private static final Set<Variant> STYLE = Set.of(Variant.STYLE);
    private static final Set<Variant> COARSE = Set.of(Variant.COARSE);
    private static final String DECODER_PATH = "DiffSynth-Studio/Qwen-Image-i2L/Qwen-Image-i2L-Style.safetensors";

    @TempDir
    private Path models;

    @BeforeEach
    void writeModels() throws IOException {
        SampleModels.write(models);
    }

    @Test
    void acceptsOtherSizesOfTheSameGraph() throws IOException {
        I2lModel model = I2lModel.inspect(models, BaseModel.QWEN_IMAGE, STYLE);
        assertThat(model.encoders().orElseThrow().siglip2().config().heads()).isEqualTo(4);
        assertThat(model.decoders().get(0).layout().decoders()).hasSize(240);
        assertThat(model.description())
                .isEqualTo("DINOv3-7B (not the released size), Qwen-Image-i2L-Style (not the released size),"
                        + " SigLIP2-G384 (not the released size)");
    }

    @Test
    void recognisesTheReleasedFiles() throws IOException {
        writeHollow(I2lModel.SIGLIP2_PATH, "siglip2-g384");
        writeHollow(I2lModel.DINOV3_PATH, "dinov3-7b");
        writeHollow(DECODER_PATH, "i2l-style");
        Files.delete(config(I2lModel.SIGLIP2_PATH));
        Files.delete(config(I2lModel.DINOV3_PATH));
        I2lModel model = I2lModel.inspect(models, BaseModel.QWEN_IMAGE, STYLE);
        assertThat(model.description())
                .isEqualTo("DINOv3-7B (released), Qwen-Image-i2L-Style (released), SigLIP2-G384 (released)");
        assertThat(model.encoders().orElseThrow().siglip2().config()).isEqualTo(SigLip2Config.RELEASED);
        assertThat(model.decoders().get(0).layout().embeddingSize()).isEqualTo(5632);
        assertThat(model.decoders().get(0).layout().modules()).hasSize(720);
    }

    @Test
    void namesAReleasedCheckpointOfAnotherKind() throws IOException {
        writeHollow(DECODER_PATH, "i2l-coarse");
        assertInvalid("its layout is that of Qwen-Image-i2L-Coarse, expected Qwen-Image-i2L-Style");
        writeHollow(I2lModel.SIGLIP2_PATH, "dinov3-7b");
        assertInvalid("its layout is that of DINOv3-7B, expected SigLIP2-G384");
    }

    @ParameterizedTest
    @ValueSource(strings = {I2lModel.SIGLIP2_PATH, I2lModel.DINOV3_PATH, DECODER_PATH})
    void namesAMissingOrTruncatedFile(String file) throws IOException {
        byte[] whole = Files.readAllBytes(models.resolve(file));
        Files.write(models.resolve(file), Arrays.copyOf(whole, whole.length - 1));
        assertThatThrownBy(() -> I2lModel.inspect(models, BaseModel.QWEN_IMAGE, STYLE))
                .isInstanceOf(MalformedSafetensorsException.class)
                .hasMessageContaining(models.resolve(file).toString())
                .hasMessageContaining("past the end of the data");
        Files.delete(models.resolve(file));
        assertThatThrownBy(() -> I2lModel.inspect(models, BaseModel.QWEN_IMAGE, STYLE))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining(models.resolve(file).toString())
                .hasMessageContaining("checkpoint missing");
    }

    @Test
    void saysWhatIsMissingAndWhatIsTooMuch() throws IOException {
        Map<String, List<Long>> shapes = siglip2Shapes();
        shapes.remove("head.probe");
        shapes.put("text_model.weight", List.of(2L));
        shapes.put("post_layernorm.bias", List.of(49L));
        writeShapes(I2lModel.SIGLIP2_PATH, shapes);
        assertInvalid("1 tensors missing (head.probe)");
        assertInvalid("1 tensors unexpected (text_model.weight)");
        assertInvalid("1 tensors of another shape (post_layernorm.bias is 49, expected 48)");
        assertInvalid(config(I2lModel.SIGLIP2_PATH).toString());
    }

    @Test
    void aSmallCheckpointNeedsItsConfig() throws IOException {
        Files.delete(config(I2lModel.SIGLIP2_PATH));
        assertInvalid("the released model (there is no config.json beside it)");
    }

    @Test
    void configAndWeightsMustAgree() throws IOException {
        rewriteConfig(I2lModel.DINOV3_PATH, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
        assertInvalid("17 tensors missing (layer.2.");
    }

    @Test
    void refusesConfigsOfAnotherGraph() throws IOException {
        rewriteConfig(I2lModel.DINOV3_PATH, "\"use_gated_mlp\": true", "\"use_gated_mlp\": false");
        assertInvalid("field use_gated_mlp is false (expected true, the only graph that is supported)");
        rewriteConfig(I2lModel.SIGLIP2_PATH, "\"num_attention_heads\": 4", "\"num_attention_heads\": 5");
        assertInvalid("field hidden_size is 48 (expected a multiple of num_attention_heads, 5)");
        rewriteConfig(I2lModel.SIGLIP2_PATH, "\"hidden_size\": 48", "\"hidden_size\": \"48\"");
        assertInvalid("field hidden_size is \"48\" (expected a positive whole number)");
        Files.writeString(config(I2lModel.SIGLIP2_PATH), "{");
        assertInvalid("not valid JSON");
    }

    @Test
    void decoderAndEncodersMustFit() throws IOException {
        Map<String, List<Long>> shapes = new HashMap<>();
        decoderShapes()
                .forEach((name, shape) ->
                        shapes.put(name, name.contains("proj_in") ? List.of(shape.get(0), 100L) : shape));
        writeShapes(DECODER_PATH, shapes);
        assertInvalid("it takes embeddings of 100 values, SigLIP2 and DINOv3 give 48 + 64 = 112");
    }

    @Test
    void refusesDecodersThatDoNotHangTogether() throws IOException {
        Map<String, List<Long>> shapes = decoderShapes();
        shapes.put("blocks.7.layers.1.proj_b.proj_out.weight", List.of(260L, 8L));
        writeShapes(DECODER_PATH, shapes);
        assertInvalid("1 tensors of another shape (blocks.7.layers.1.proj_b.proj_out.weight is 260x8, expected 256x8)");

        shapes = decoderShapes();
        shapes.keySet().removeIf(name -> name.startsWith("blocks.239."));
        writeShapes(DECODER_PATH, shapes);
        assertInvalid("found 239");

        shapes = decoderShapes();
        shapes.put("blocks.0.proj_residual.proj_in.weight", List.of(4L, 4L));
        writeShapes(DECODER_PATH, shapes);
        assertInvalid("so it is a Coarse or Fine decoder");

        writeShapes(DECODER_PATH, Map.of("lora.weight", List.of(4L)));
        assertInvalid("Not a Style decoder");
    }

    @Test
    void opensOnlyWhatTheVariantsNeed() throws IOException {
        Files.delete(models.resolve(I2lModel.QWEN_VL_FOLDER).resolve("model.safetensors"));
        Files.delete(models.resolve(BaseModel.QWEN_IMAGE.path(Variant.BIAS)));
        assertThat(I2lModel.inspect(models, BaseModel.QWEN_IMAGE, STYLE).qwenVl())
                .isEmpty();
        assertThatThrownBy(() -> I2lModel.inspect(models, BaseModel.QWEN_IMAGE, COARSE))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("text_encoder/model.safetensors.index.json");
    }

    @Test
    void readsQwenVlInShards() throws IOException {
        Path whole = models.resolve(I2lModel.QWEN_VL_FOLDER).resolve("model.safetensors");
        Checkpoint before = I2lModel.inspect(models, BaseModel.QWEN_IMAGE, COARSE)
                .qwenVl()
                .orElseThrow()
                .checkpoint();
        Path shard = whole.resolveSibling("model-00001-of-00001.safetensors");
        Files.move(whole, shard);
        StringBuilder weightMap = new StringBuilder();
        try (SafetensorsFile file = SafetensorsFile.open(shard)) {
            file.tensors()
                    .keySet()
                    .forEach(name -> weightMap
                            .append(weightMap.isEmpty() ? "" : ",")
                            .append("\"%s\":\"%s\"".formatted(name, shard.getFileName())));
        }
        Files.writeString(whole.resolveSibling("model.safetensors.index.json"), "{\"weight_map\":{" + weightMap + "}}");
        Checkpoint sharded = I2lModel.inspect(models, BaseModel.QWEN_IMAGE, COARSE)
                .qwenVl()
                .orElseThrow()
                .checkpoint();
        assertThat(sharded.contentFingerprint()).isEqualTo(before.contentFingerprint());
    }

    @Test
    void tellsDecodersApart() throws IOException {
        Path style = models.resolve(BaseModel.QWEN_IMAGE.path(Variant.STYLE));
        Path coarse = models.resolve(BaseModel.QWEN_IMAGE.path(Variant.COARSE));
        Path fine = models.resolve(BaseModel.QWEN_IMAGE.path(Variant.FINE));
        Files.copy(fine, coarse, StandardCopyOption.REPLACE_EXISTING);
        assertThatThrownBy(() -> I2lModel.inspect(models, BaseModel.QWEN_IMAGE, COARSE))
                .hasMessageContaining("Not a Coarse decoder")
                .hasMessageContaining("its residual path takes 1376 tokens, Coarse takes 71");
        Files.copy(style, coarse, StandardCopyOption.REPLACE_EXISTING);
        assertThatThrownBy(() -> I2lModel.inspect(models, BaseModel.QWEN_IMAGE, COARSE))
                .hasMessageContaining("it has no proj_residual tensors, so it is a Style decoder");
    }

    @Test
    void refusesABiasOfAnotherModel() throws IOException {
        Map<String, List<Long>> shapes = new HashMap<>(Bias.shapes(layout()));
        shapes.put("transformer_blocks.3.attn.to_k.lora_A.default.weight", List.of(4L, 65L));
        writeShapes(BaseModel.QWEN_IMAGE.path(Variant.BIAS), shapes);
        assertThatThrownBy(() -> I2lModel.inspect(models, BaseModel.QWEN_IMAGE, Variant.of(List.of("style", "bias"))))
                .hasMessageContaining("Not the Bias of this model")
                .hasMessageContaining("is 4x65, expected 4x64");
    }

    @Test
    void decodersMustAdaptTheSameLayers() throws IOException {
        DecoderLayout wider = DecoderLayout.of(DecoderKind.STYLE, Transformer.QWEN_IMAGE, 48 + 64, 0, 24);
        writeShapes(DECODER_PATH, wider.shapes(8, 0));
        assertThatThrownBy(() -> I2lModel.inspect(models, BaseModel.QWEN_IMAGE, Variant.of(List.of("style", "coarse"))))
                .hasMessageContaining("they adapt layers of different sizes or numbers");
    }

    @Test
    void aCheckpointForAnotherBaseModelIsNamed() throws IOException {
        SampleModels.write(models, Set.of(BaseModel.Z_IMAGE));
        writeHollow(BaseModel.Z_IMAGE.path(Variant.STYLE), "i2l-style");
        assertThatThrownBy(() -> I2lModel.inspect(models, BaseModel.Z_IMAGE, STYLE))
                .hasMessageContaining("its layout is that of Qwen-Image-i2L-Style, expected Z-Image-i2L");
        writeHollow(DECODER_PATH, "z-image-i2l");
        assertThatThrownBy(() -> I2lModel.inspect(models, BaseModel.QWEN_IMAGE, STYLE))
                .hasMessageContaining("its layout is that of Z-Image-i2L, expected Qwen-Image-i2L-Style");
    }

    @Test
    void samplesForModelsOfOneLayoutHaveOtherWeights() throws IOException {
        SampleModels.write(models, Set.of(BaseModel.Z_IMAGE, BaseModel.Z_IMAGE_OMNI_BASE));
        I2lModel image = I2lModel.inspect(models, BaseModel.Z_IMAGE, STYLE);
        I2lModel omni = I2lModel.inspect(models, BaseModel.Z_IMAGE_OMNI_BASE, STYLE);
        assertThat(image.checkpoints()).containsKey("Z-Image-i2L");
        assertThat(image.decoders().get(0).layout().modules()).hasSize(238);
        Checkpoint one = image.checkpoints().get("Z-Image-i2L");
        Checkpoint other = omni.checkpoints().get("Z-Image-Omni-Base-i2L");
        assertThat(one.layoutFingerprint()).isEqualTo(other.layoutFingerprint());
        assertThat(one.contentFingerprint()).isNotEqualTo(other.contentFingerprint());
    }

    @Test
    void recognisesQwenVlByItsReleasedLayout() throws IOException {
        writeHollow(I2lModel.QWEN_VL_FOLDER + "/model.safetensors", "qwen2.5-vl-7b");
        Files.delete(config(I2lModel.QWEN_VL_FOLDER + "/model.safetensors"));
        assertThatThrownBy(() -> I2lModel.inspect(models, BaseModel.QWEN_IMAGE, COARSE))
                .hasMessageContaining("it takes hidden states of 64 values, Qwen2.5-VL gives 3584");
    }

    @Test
    void tellsCheckpointsOfOneLayoutApart() throws IOException {
        Checkpoint before = I2lModel.inspect(models, BaseModel.QWEN_IMAGE, STYLE)
                .encoders()
                .orElseThrow()
                .siglip2()
                .checkpoint();
        List<SyntheticWeights.Recipe> recipes = new ArrayList<>();
        siglip2Shapes().forEach((name, shape) -> recipes.add(new SyntheticWeights.Recipe(name, shape, 1, 0)));
        SyntheticWeights.write(models.resolve(I2lModel.SIGLIP2_PATH), recipes, 2);
        Checkpoint after = I2lModel.inspect(models, BaseModel.QWEN_IMAGE, STYLE)
                .encoders()
                .orElseThrow()
                .siglip2()
                .checkpoint();
        assertThat(after.layoutFingerprint()).isEqualTo(before.layoutFingerprint());
        assertThat(after.contentFingerprint()).isNotEqualTo(before.contentFingerprint());
    }

    private void assertInvalid(String message) {
        assertThatThrownBy(() -> I2lModel.inspect(models, BaseModel.QWEN_IMAGE, STYLE))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(message);
    }

    private Path config(String checkpoint) {
        return models.resolve(checkpoint).resolveSibling("config.json");
    }

    private void rewriteConfig(String checkpoint, String from, String to) throws IOException {
        String config = Files.readString(config(checkpoint));
        assertThat(config).contains(from);
        Files.writeString(config(checkpoint), config.replace(from, to));
    }

    private Map<String, List<Long>> siglip2Shapes() throws IOException {
        return new HashMap<>(
                SigLip2Config.read(config(I2lModel.SIGLIP2_PATH)).layout().shapes());
    }

    private static DecoderLayout layout() {
        return DecoderLayout.of(DecoderKind.STYLE, Transformer.QWEN_IMAGE, 48 + 64, 0, 48);
    }

    private static Map<String, List<Long>> decoderShapes() {
        return new HashMap<>(layout().shapes(8, 0));
    }

    private void writeShapes(String checkpoint, Map<String, List<Long>> shapes) throws IOException {
        List<SyntheticWeights.Recipe> recipes = new ArrayList<>();
        shapes.forEach((name, shape) -> recipes.add(new SyntheticWeights.Recipe(name, shape, 1, 0)));
        SyntheticWeights.write(models.resolve(checkpoint), recipes, 1);
    }

    /** A file with a released layout whose weights are a hole, so that it takes no space on disk. */
    private void writeHollow(String checkpoint, String layout) throws IOException {
        StringBuilder header = new StringBuilder("{");
        long offset = 0;
        for (Map.Entry<String, List<Long>> tensor :
                ReleasedCheckpointTest.shapes(layout).entrySet()) {
            long size = tensor.getValue().stream().reduce(2L, (a, b) -> a * b);
            header.append("%s\"%s\":{\"dtype\":\"BF16\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                    .formatted(offset == 0 ? "" : ",", tensor.getKey(), tensor.getValue(), offset, offset + size));
            offset += size;
        }
        byte[] json = header.append('}').toString().getBytes(StandardCharsets.UTF_8);
        try (RandomAccessFile file =
                new RandomAccessFile(models.resolve(checkpoint).toFile(), "rw")) {
            file.setLength(0);
            file.write(ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(json.length)
                    .array());
            file.write(json);
            file.setLength(8 + json.length + offset);
        }
    }
}
