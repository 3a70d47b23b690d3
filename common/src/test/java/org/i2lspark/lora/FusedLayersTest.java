package org.i2lspark.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.ReferenceCase.FloatTensor;
import org.i2lspark.torch.ElementType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** LoRAs for Z-Image in the names of tools, of which some have query, key and value as one layer. */
class FusedLayersTest {
    private static final Path GROUP = ReferenceCase.family().file("lora_zimage_group.safetensors");
    private static final String QKV = "lora_unet_layers_0_attention_qkv";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @EnumSource
    void anyFormatAndBackChangesNothing(KeyFormat format) throws IOException {
        Path there = convert(GROUP, format);
        Path back = convert(there, KeyFormat.DIFFSYNTH);
        Map<String, FloatTensor> expected = ReferenceCase.readFloats(GROUP);
        Map<String, FloatTensor> actual = ReferenceCase.readFloats(back);
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, tensor) -> {
            assertThat(actual.get(name).shape()).as(name).isEqualTo(tensor.shape());
            assertThat(actual.get(name).values()).as(name).isEqualTo(tensor.values());
        });
    }

    @Test
    void kohyasNamesHaveQueryKeyAndValueAsOne() throws IOException {
        Map<String, FloatTensor> whole = ReferenceCase.readFloats(GROUP);
        Map<String, FloatTensor> kohya = ReferenceCase.readFloats(convert(GROUP, KeyFormat.KOHYA));
        assertThat(kohya.keySet()).noneMatch(name -> name.contains("to_"));
        assertThat(kohya).containsKey("lora_unet_context_refiner_1_attention_out.lora_down.weight");
        assertThat(kohya.get(QKV + ".alpha").values()).containsExactly(36);
        FloatTensor a = kohya.get(QKV + ".lora_down.weight");
        FloatTensor b = kohya.get(QKV + ".lora_up.weight");
        assertThat(a.shape()).containsExactly(36L, 48L);
        assertThat(b.shape()).containsExactly(144L, 36L);
        List<String> parts = List.of("to_q", "to_k", "to_v");
        for (int part = 0; part < 3; part++) {
            String name = "layers.0.attention." + parts.get(part) + ".lora_";
            for (int rank = 0; rank < 12; rank++) {
                assertThat(a.row(part * 12 + rank))
                        .isEqualTo(whole.get(name + "A.default.weight").row(rank));
            }
            for (int out = 0; out < 48; out++) {
                float[] expected = new float[36];
                System.arraycopy(whole.get(name + "B.default.weight").row(out), 0, expected, part * 12, 12);
                assertThat(b.row(part * 48 + out)).isEqualTo(expected);
            }
        }
    }

    @Test
    void aPartThatIsNotAdaptedIsZeroInTheWhole() throws IOException {
        RandomLora lora = new RandomLora(1, List.of(new Shape("layers.0.attention.to_k", 2, 6, 6)));
        Path file = write(lora, KeyFormat.KOHYA);
        assertThat(ReferenceCase.readFloats(file).get(QKV + ".lora_up.weight").shape())
                .containsExactly(18L, 2L);
        try (LoraFile read = LoraFile.open(file)) {
            Map<String, Double> norms = LoraDistance.norms(read);
            assertThat(norms.get("layers.0.attention.to_q")).isZero();
            assertThat(norms.get("layers.0.attention.to_v")).isZero();
            assertThat(norms.get("layers.0.attention.to_k"))
                    .isEqualTo(LoraDistance.norms(lora).get("layers.0.attention.to_k"));
        }
    }

    @Test
    void aWholeThatIsNotBlockDiagonalKeepsItsRank() throws IOException {
        Path file = new TensorFile()
                .with(QKV + ".lora_down.weight", List.of(3L, 1L), 2, 3, 4)
                .with(QKV + ".lora_up.weight", List.of(3L, 3L), 1, 0, 0, 0, 1, 1, 0, 0, 1)
                .with(QKV + ".alpha", List.of(), 6)
                .write(folder.resolve("lora.safetensors"));
        try (LoraFile lora = LoraFile.open(file)) {
            assertThat(lora.rank()).isEqualTo(3);
            assertThat(LoraDistance.norms(lora))
                    .isEqualTo(Map.of(
                            "layers.0.attention.to_q", 4.0,
                            "layers.0.attention.to_k", 14.0,
                            "layers.0.attention.to_v", 8.0));
        }
    }

    @Test
    void luminasLayersOfTheSameNamesAreRefused() throws IOException {
        Path file = new TensorFile()
                .with(QKV + ".lora_down.weight", List.of(1L, 3L), 1, 2, 3)
                .with(QKV + ".lora_up.weight", List.of(5L, 1L), 1, 2, 3, 4, 5)
                .write(folder.resolve("lora.safetensors"));
        assertThatThrownBy(() -> LoraFile.open(file)).hasMessageContaining("Lumina");
    }

    private Path convert(Path from, KeyFormat format) throws IOException {
        try (LoraFile lora = LoraFile.open(from)) {
            return write(lora, format);
        }
    }

    private Path write(LoraSource lora, KeyFormat format) throws IOException {
        Path file = Files.createTempFile(folder, format.id(), ".safetensors");
        try (FileChannel out = FileChannel.open(file, StandardOpenOption.WRITE)) {
            LoraWriter.write(out, lora, ElementType.FLOAT32, format);
        }
        return file;
    }
}
