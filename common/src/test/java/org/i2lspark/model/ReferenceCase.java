package org.i2lspark.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.RgbImage;
import org.i2lspark.safetensors.SafetensorsFile;
import org.i2lspark.safetensors.TensorInfo;

/** A case of the form that {@code reference/README.md} describes: recipes, images, and what the reference computes. */
public final class ReferenceCase {
    private static final JsonMapper JSON = new JsonMapper();

    private final Path folder;

    public ReferenceCase(Path folder) {
        this.folder = folder;
    }

    /** The case that ships with the tests, or another of the same form that {@code -Di2l.reference} names. */
    public static ReferenceCase tiny() {
        return new ReferenceCase(Path.of(System.getProperty("i2l.reference", "src/test/resources/reference/tiny")));
    }

    /** Makes the checkpoints below {@code models}. */
    public Path writeModels(Path models) throws IOException {
        List<Path> recipes;
        try (Stream<Path> files = Files.walk(folder.resolve("checkpoints"))) {
            recipes = files.filter(file -> file.toString().endsWith("safetensors.json"))
                    .toList();
        }
        for (Path recipe : recipes) {
            writeCheckpoint(JSON.readTree(recipe.toFile()), models);
        }
        return models;
    }

    private static void writeCheckpoint(JsonNode recipe, Path models) throws IOException {
        List<SyntheticWeights.Recipe> tensors = new ArrayList<>();
        for (JsonNode tensor : recipe.get("tensors")) {
            List<Long> shape = new ArrayList<>();
            tensor.get("shape").forEach(dimension -> shape.add(dimension.asLong()));
            tensors.add(new SyntheticWeights.Recipe(
                    tensor.get("name").asText(),
                    shape,
                    (float) tensor.get("scale").asDouble(),
                    (float) tensor.get("offset").asDouble()));
        }
        Path file = models.resolve(recipe.get("file").asText());
        SyntheticWeights.write(file, tensors, recipe.get("seed").asLong());
        if (!recipe.get("config").isNull()) {
            JSON.writeValue(file.resolveSibling("config.json").toFile(), recipe.get("config"));
        }
    }

    /** The case's images, decoded. */
    public List<RgbImage> images() throws IOException {
        List<RgbImage> images = new ArrayList<>();
        for (JsonNode name : caseFile().get("images")) {
            images.add(image("images/" + name.asText()));
        }
        return images;
    }

    /** One image file of the case, decoded. */
    public RgbImage image(String name) throws IOException {
        return new ImageDecoder(ImageDecoder.DEFAULT_MAX_PIXELS).decode(Files.readAllBytes(folder.resolve(name)));
    }

    /** Which images make up a group. */
    public List<Integer> group(String name) throws IOException {
        List<Integer> indexes = new ArrayList<>();
        caseFile().get("groups").get(name).forEach(index -> indexes.add(index.asInt()));
        return indexes;
    }

    private JsonNode caseFile() throws IOException {
        return JSON.readTree(folder.resolve("case.json").toFile());
    }

    /** All tensors of one of the case's safetensors files. */
    public Map<String, FloatTensor> tensors(String name) throws IOException {
        return readFloats(folder.resolve(name));
    }

    /**
     * What the reference computes from this case with image cells in rows and columns; it lies in a folder beside the case,
     * with {@code -grid} behind its name.
     */
    public ReferenceCase grid() {
        return new ReferenceCase(folder.resolveSibling(folder.getFileName() + "-grid"));
    }

    /** All float32 tensors of a safetensors file. */
    public static Map<String, FloatTensor> readFloats(Path path) throws IOException {
        Map<String, FloatTensor> tensors = new LinkedHashMap<>();
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            for (TensorInfo info : file.tensors().values()) {
                ByteBuffer bytes = ByteBuffer.allocate((int) info.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
                file.read(info.name(), 0, bytes);
                float[] values = new float[bytes.capacity() / Float.BYTES];
                bytes.flip().asFloatBuffer().get(values);
                tensors.put(info.name(), new FloatTensor(info.shape(), values));
            }
        }
        return tensors;
    }

    /** A tensor on the heap. */
    public record FloatTensor(List<Long> shape, float[] values) {
        /** Row {@code i} of a matrix. */
        public float[] row(int i) {
            int width = (int) (values.length / shape.get(0));
            return Arrays.copyOfRange(values, i * width, (i + 1) * width);
        }
    }
}
