package org.i2lspark.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.i2lspark.decoder.DecoderKind;
import org.i2lspark.decoder.DecoderLayout;
import org.i2lspark.diffusion.DitConfig;
import org.i2lspark.diffusion.VaeConfig;
import org.i2lspark.encoder.DinoV3Config;
import org.i2lspark.encoder.SigLip2Config;
import org.i2lspark.lora.Transformer;
import org.i2lspark.safetensors.TensorLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReleasedCheckpointTest {
    private static final Path LAYOUTS = Path.of("src/test/resources/reference/layouts");

    @ParameterizedTest
    @CsvSource({
        "siglip2-g384, SIGLIP2_G384",
        "dinov3-7b, DINOV3_7B",
        "qwen2.5-vl-7b, QWEN2_5_VL_7B",
        "qwen-image-dit, QWEN_IMAGE_TRANSFORMER",
        "qwen-image-vae, QWEN_IMAGE_VAE",
        "i2l-style, I2L_STYLE",
        "i2l-coarse, I2L_COARSE",
        "i2l-fine, I2L_FINE",
        "z-image-i2l, Z_IMAGE_I2L"
    })
    void recognisesEachReleasedLayout(String file, ReleasedCheckpoint expected) throws IOException {
        assertThat(ReleasedCheckpoint.ofFingerprint(
                        TensorLayout.of(shapes(file)).fingerprint()))
                .contains(expected);
    }

    @Test
    void doesNotRecogniseALayoutThatLacksATensor() throws IOException {
        Map<String, List<Long>> shapes = shapes("siglip2-g384");
        shapes.remove("head.probe");
        assertThat(ReleasedCheckpoint.ofFingerprint(TensorLayout.of(shapes).fingerprint()))
                .isEmpty();
    }

    @Test
    void releasedConfigsDescribeTheReleasedLayouts() throws IOException {
        assertThat(SigLip2Config.RELEASED.layout().differences(TensorLayout.of(shapes("siglip2-g384"))))
                .isEmpty();
        assertThat(DinoV3Config.RELEASED.layout().differences(TensorLayout.of(shapes("dinov3-7b"))))
                .isEmpty();
        assertThat(DitConfig.RELEASED.layout().differences(TensorLayout.of(shapes("qwen-image-dit"))))
                .isEmpty();
        assertThat(VaeConfig.RELEASED
                        .layout()
                        .differences(TensorLayout.of(shapes("qwen-image-vae")).only(VaeConfig::isUsed)))
                .isEmpty();
    }

    @Test
    void aTransformersTableDescribesTheReleasedDecoders() throws IOException {
        assertThat(DecoderLayout.of(DecoderKind.STYLE, Transformer.QWEN_IMAGE, 5632, 0, 1)
                        .shapes(64, 0))
                .isEqualTo(shapes("i2l-style"));
        assertThat(DecoderLayout.of(DecoderKind.FINE, Transformer.QWEN_IMAGE, 5632, 3584, 1)
                        .shapes(128, 64))
                .isEqualTo(shapes("i2l-fine"));
        assertThat(DecoderLayout.of(DecoderKind.STYLE, Transformer.Z_IMAGE, 5632, 0, 1)
                        .shapes(128, 0))
                .isEqualTo(shapes("z-image-i2l"));
    }

    static Map<String, List<Long>> shapes(String layout) throws IOException {
        Map<String, List<Long>> shapes = new HashMap<>();
        for (String line : Files.readAllLines(LAYOUTS.resolve(layout + ".txt"))) {
            if (!line.startsWith("#")) {
                String[] parts = line.split(" ", -1);
                shapes.put(
                        parts[0],
                        Arrays.stream(parts[1].split("x", -1))
                                .map(Long::valueOf)
                                .toList());
            }
        }
        return shapes;
    }
}
