package org.i2lspark.safetensors;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/** A checkpoint in several files that an index ({@code model.safetensors.index.json}) ties together. */
public final class ShardedSafetensors implements TensorStore {
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private final String location;
    private final Map<String, SafetensorsFile> fileOfTensor;
    private final Map<String, TensorInfo> tensors;
    private final Collection<SafetensorsFile> files;

    private ShardedSafetensors(
            String location,
            Map<String, SafetensorsFile> fileOfTensor,
            Map<String, TensorInfo> tensors,
            Collection<SafetensorsFile> files) {
        this.location = location;
        this.fileOfTensor = fileOfTensor;
        this.tensors = tensors;
        this.files = files;
    }

    /**
     * Opens an index and the files that it names, which lie in its folder.
     *
     * @throws IOException if a file is missing or malformed, or if index and files disagree
     */
    public static ShardedSafetensors open(Path index) throws IOException {
        Map<String, String> weightMap = readWeightMap(index);
        Map<String, SafetensorsFile> files = new TreeMap<>();
        try {
            Map<String, SafetensorsFile> fileOfTensor = new TreeMap<>();
            Map<String, TensorInfo> tensors = new TreeMap<>();
            for (Map.Entry<String, String> entry : weightMap.entrySet()) {
                SafetensorsFile file = files.get(entry.getValue());
                if (file == null) {
                    file = openShard(index, entry.getValue());
                    files.put(entry.getValue(), file);
                }
                TensorInfo info = file.tensors().get(entry.getKey());
                if (info == null) {
                    throw invalid(
                            index,
                            "it places tensor '%s' in %s, which has none of that name"
                                    .formatted(entry.getKey(), entry.getValue()));
                }
                fileOfTensor.put(entry.getKey(), file);
                tensors.put(entry.getKey(), info);
            }
            refuseUnlistedTensors(index, files, weightMap);
            return new ShardedSafetensors(index.toString(), fileOfTensor, tensors, files.values());
        } catch (IOException | RuntimeException e) {
            closeAll(files.values(), e);
            throw e;
        }
    }

    private static Map<String, String> readWeightMap(Path index) throws IOException {
        JsonNode root;
        try {
            root = JSON.readTree(Files.readAllBytes(index));
        } catch (JsonProcessingException e) {
            throw invalid(index, "not valid JSON: " + e.getOriginalMessage());
        }
        JsonNode entries = root.path("weight_map");
        if (!entries.isObject() || entries.isEmpty()) {
            throw invalid(index, "it has no weight_map object");
        }
        Map<String, String> weightMap = new TreeMap<>();
        for (Map.Entry<String, JsonNode> entry : entries.properties()) {
            String file = entry.getValue().textValue();
            if (file == null || !file.equals(Path.of(file).getFileName().toString()) || file.startsWith(".")) {
                throw invalid(
                        index,
                        "tensor '%s' must name a file in the same folder, not %s"
                                .formatted(entry.getKey(), entry.getValue()));
            }
            weightMap.put(entry.getKey(), file);
        }
        return weightMap;
    }

    private static SafetensorsFile openShard(Path index, String name) throws IOException {
        try {
            return SafetensorsFile.open(index.resolveSibling(name));
        } catch (NoSuchFileException e) {
            throw new NoSuchFileException(
                    e.getFile(), null, "named by " + index.getFileName() + " but missing; is the download complete?");
        }
    }

    private static void refuseUnlistedTensors(
            Path index, Map<String, SafetensorsFile> files, Map<String, String> weightMap) throws IOException {
        for (Map.Entry<String, SafetensorsFile> entry : files.entrySet()) {
            for (String tensor : entry.getValue().tensors().keySet()) {
                if (!entry.getKey().equals(weightMap.get(tensor))) {
                    throw invalid(index, "it does not place tensor '%s' of %s there".formatted(tensor, entry.getKey()));
                }
            }
        }
    }

    private static IOException invalid(Path index, String problem) {
        return new IOException("Invalid checkpoint index %s: %s".formatted(index, problem));
    }

    @Override
    public Map<String, TensorInfo> tensors() {
        return Collections.unmodifiableMap(tensors);
    }

    @Override
    public String location() {
        return location;
    }

    @Override
    public void read(String tensor, long offset, ByteBuffer destination) throws IOException {
        SafetensorsFile file = fileOfTensor.get(tensor);
        if (file == null) {
            throw new IllegalArgumentException(
                    "Cannot read tensor '%s': %s has none of that name".formatted(tensor, location));
        }
        file.read(tensor, offset, destination);
    }

    @Override
    public void close() throws IOException {
        IOException failure = new IOException("Cannot close the files of " + location);
        closeAll(files, failure);
        if (failure.getSuppressed().length > 0) {
            throw failure;
        }
    }

    private static void closeAll(Collection<SafetensorsFile> files, Exception cause) {
        for (SafetensorsFile file : new ArrayList<>(files)) {
            try {
                file.close();
            } catch (IOException e) {
                cause.addSuppressed(e);
            }
        }
    }
}
