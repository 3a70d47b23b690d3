package org.i2lspark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.assertj.core.data.Offset;
import org.i2lspark.encoder.ImagePositions;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.lora.Lora;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.ReferenceCase.FloatTensor;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** LoRAs for Z-Image against what the reference implementation computes from the same weights and images. */
class ZImageTest {
    private static final Offset<Float> TOLERANCE = Offset.offset(1e-5f);
    private static final ReferenceCase REFERENCE = ReferenceCase.family();

    @TempDir
    private static Path models;

    @TempDir
    private Path output;

    @BeforeAll
    static void writeModels() throws IOException {
        REFERENCE.writeModels(models);
    }

    @ParameterizedTest
    @CsvSource({"zimage_image0, Z_IMAGE", "zimage_group, Z_IMAGE", "omni_group, Z_IMAGE_OMNI_BASE"})
    void lorasAgreeWithTheReference(String group, BaseModel baseModel) throws IOException {
        I2lModel model = I2lModel.inspect(models, baseModel, Set.of(Variant.STYLE));
        List<PreparedImage> images = new ArrayList<>();
        for (int index : REFERENCE.group(group)) {
            images.add(ImageToLora.prepare(model, REFERENCE.images().get(index)));
        }
        Path file = output.resolve("lora.safetensors");
        try (ImageToLora i2l = ImageToLora.load(model, ElementType.FLOAT32, TorchDevice.CPU, ImagePositions.GRID);
                Lora lora = i2l.decode(List.of(i2l.embed(images)), ElementType.FLOAT32)
                        .get(0);
                FileChannel out = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            lora.write(out, KeyFormat.DIFFSYNTH, Map.of());
        }
        Map<String, FloatTensor> actual = ReferenceCase.readFloats(file);
        Map<String, FloatTensor> expected = REFERENCE.tensors("lora_" + group + ".safetensors");
        assertThat(actual.keySet()).isEqualTo(expected.keySet());
        expected.forEach((name, tensor) -> {
            assertThat(actual.get(name).shape()).as(name).isEqualTo(tensor.shape());
            assertThat(actual.get(name).values()).as(name).containsExactly(tensor.values(), TOLERANCE);
        });
    }
}
