package org.i2lspark.djl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.i2lspark.model.ReferenceCase;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SparkExtensionTest {
    private static final Path IMAGES = Path.of("src/test/resources/reference/tiny/images");

    @TempDir
    private static Path models;

    @BeforeAll
    static void writeModels() throws IOException {
        ReferenceCase.tiny().writeModels(models);
    }

    private static List<byte[]> predict(Map<Integer, byte[]> damaged, int count) throws Exception {
        List<byte[]> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            byte[] image = Files.readAllBytes(IMAGES.resolve(i % 4 + ".png"));
            rows.add(damaged.getOrDefault(i, image));
        }
        return SparkExtension.transform(models.toUri() + "?variants=style&reproducible=true&badImage=null", rows);
    }

    @Test
    void aCorruptImageInABatchOfTenCostsOneRow() throws Exception {
        List<byte[]> good = predict(Map.of(), 12);
        assertThat(good).doesNotContainNull();
        List<byte[]> loras = predict(Map.of(6, new byte[] {1, 2, 3}), 12);
        assertThat(loras.get(6)).isNull();
        for (int i = 0; i < 12; i++) {
            if (i != 6) {
                assertThat(loras.get(i)).as("row %d", i).containsExactly(good.get(i));
            }
        }
    }
}
