package org.i2lspark.model;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.i2lspark.image.ImageDecoder;
import org.i2lspark.image.RgbImage;
import org.i2lspark.safetensors.SafetensorsFile;
import org.i2lspark.safetensors.TensorInfo;

/** A case of the form that {@code reference/README.md} describes: recipes, images, and what the reference computes. */
public final class ReferenceCase {
    private static final JsonMapper JSON = new JsonMapper();

    private static final String RESOURCES = "src/test/resources/reference";

    private final Path folder;

    public ReferenceCase(Path folder) {
        this.folder = folder;
    }

    /** The case that ships with the tests, or another of the same form that {@code -Di2l.reference} names. */
    public static ReferenceCase tiny() {
        return new ReferenceCase(Path.of(System.getProperty("i2l.reference", RESOURCES + "/tiny")));
    }

    /** What lies beside the case that ships with the tests, of whatever module they are. */
    private static Path resource(String name) {
        Path beside = tiny().folder.resolveSibling(name);
        return Files.exists(beside) ? beside : Path.of(RESOURCES, name);
    }

    /** The case of images from prompts, or another of the same form that {@code -Di2l.reference.generate} names. */
    public static ReferenceCase generate() {
        String other = System.getProperty("i2l.reference.generate");
        return new ReferenceCase(other == null ? resource("generate-tiny") : Path.of(other));
    }

    /** A file of the case. */
    public Path file(String name) {
        return folder.resolve(name);
    }

    /** The case of Z-Image-i2L and Z-Image-Omni-Base-i2L, or another of its form that {@code -Di2l.reference.family} names. */
    public static ReferenceCase family() {
        return new ReferenceCase(
                Path.of(System.getProperty("i2l.reference.family", "src/test/resources/reference/family-tiny")));
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
        if (Files.exists(folder.resolve("files"))) {
            copy(folder.resolve("files"), models);
            writeTokenizer(models.resolve(QwenImageRelease.QWEN_IMAGE.path(QwenImageModel.TOKENIZER)));
        }
        return models;
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path copy = to.resolve(from.relativize(file).toString());
                Files.createDirectories(copy.getParent());
                Files.copy(file, copy, StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    /**
     * Writes the tokenizer of Qwen-Image as the hub has it. Of its two large files the tests have one: the vocabulary is the
     * bytes and then what each merge makes, in order.
     */
    public static Path writeTokenizer(Path to) throws IOException {
        Path from = resource("tokenizer");
        Files.createDirectories(to);
        for (String name : List.of("added_tokens.json", "special_tokens_map.json", "tokenizer_config.json")) {
            Files.copy(from.resolve(name), to.resolve(name), StandardCopyOption.REPLACE_EXISTING);
        }
        String merges;
        try (InputStream in = new GZIPInputStream(Files.newInputStream(from.resolve("merges.txt.gz")))) {
            merges = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
        Files.writeString(to.resolve("merges.txt"), merges);
        Map<String, Integer> vocabulary = new LinkedHashMap<>();
        // GPT-2's alphabet: printable bytes stand for themselves and come first, the others for characters from U+0100
        // on
        IntPredicate printable = b -> (b > ' ' && b < 0x7F) || (b > 0xA0 && b != 0xAD);
        IntStream.range(0, 256)
                .filter(printable)
                .forEach(b -> vocabulary.put(Character.toString(b), vocabulary.size()));
        long others = IntStream.range(0, 256).filter(printable.negate()).count();
        for (int i = 0; i < others; i++) {
            vocabulary.put(Character.toString(256 + i), vocabulary.size());
        }
        merges.lines().skip(1).forEach(line -> vocabulary.put(line.replace(" ", ""), vocabulary.size()));
        JSON.writeValue(to.resolve("vocab.json").toFile(), vocabulary);
        return to;
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

    /** What the case is, {@code case.json}. */
    public JsonNode caseFile() throws IOException {
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
