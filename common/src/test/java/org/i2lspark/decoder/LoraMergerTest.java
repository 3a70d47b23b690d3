package org.i2lspark.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.i2lspark.decoder.LoraMerger.Input;
import org.i2lspark.lora.Lora;
import org.i2lspark.lora.LoraSource.Factors;
import org.i2lspark.lora.LoraSource.Shape;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.ReferenceCase;
import org.i2lspark.model.Variant;
import org.i2lspark.torch.BlockWeights.Placement;
import org.i2lspark.torch.ElementType;
import org.i2lspark.torch.TorchDevice;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoraMergerTest {
    @TempDir
    private static Path models;

    private static LoraDecoder decoder;

    @BeforeAll
    static void load() throws IOException {
        I2lModel model = I2lModel.inspect(ReferenceCase.tiny().writeModels(models), Set.of(Variant.STYLE));
        I2lModel.Decoder file = model.decoders().get(0);
        decoder = LoraDecoder.load(
                file.checkpoint()::open, file.layout(), ElementType.BFLOAT16, TorchDevice.CPU, Placement.RESIDENT);
    }

    @AfterAll
    static void close() {
        decoder.close();
    }

    @Test
    void inProductsOfOneShapeALoraDoesNotDependOnThoseBesideIt() {
        LoraMerger merger = new LoraMerger(List.of(decoder), null, TorchDevice.CPU, 4);
        List<Input> style = List.of(image(1), image(2), image(3), image(4), image(5));
        Lora alone = merger.merge(List.of(style), ElementType.FLOAT32, 0).get(0);
        List<Lora> beside = merger.merge(
                List.of(List.of(image(6)), List.of(image(7), image(8)), style, List.of(image(9))),
                ElementType.FLOAT32,
                0);
        for (Shape module : alone.modules()) {
            Factors expected = alone.factors(module);
            assertThat(beside.get(2).factors(module).a()).isEqualTo(expected.a());
            assertThat(beside.get(2).factors(module).b()).isEqualTo(expected.b());
        }
        Stream.concat(Stream.of(alone), beside.stream()).forEach(Lora::close);
    }

    private static Input image(long seed) {
        Random random = new Random(seed);
        float[] embedding = new float[Math.toIntExact(decoder.layout().embeddingSize())];
        for (int i = 0; i < embedding.length; i++) {
            embedding[i] = (float) random.nextGaussian();
        }
        return new Input(embedding, List.of());
    }
}
