package org.i2lspark.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.i2lspark.safetensors.SafetensorsFile;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.torch.ElementType;

/** A LoRA file in any of the key formats. Only the header is kept in memory. */
public final class LoraFile implements LoraSource, Closeable {
    private static final String PEFT_WEIGHTS = "adapter_model.safetensors";
    private static final String PEFT_CONFIG = "adapter_config.json";

    private final SafetensorsFile file;
    private final KeyFormat keyFormat;
    private final ElementType type;
    private final List<Shape> modules;
    private final double scale;

    private LoraFile(SafetensorsFile file, KeyFormat keyFormat, ElementType type, List<Shape> modules, double scale) {
        this.scale = scale;
        this.file = file;
        this.keyFormat = keyFormat;
        this.type = type;
        this.modules = List.copyOf(modules);
    }

    /**
     * Opens a file, or a folder as PEFT writes it, and checks that it is a LoRA of the layers that Qwen-Image-i2L adapts.
     *
     * @throws IOException if it is not, saying what was expected and what was found
     */
    public static LoraFile open(Path path) throws IOException {
        Path weights = Files.isDirectory(path) ? path.resolve(PEFT_WEIGHTS) : path;
        SafetensorsFile file = SafetensorsFile.open(weights);
        try {
            return open(file, weights.resolveSibling(PEFT_CONFIG));
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private static LoraFile open(SafetensorsFile file, Path peftConfig) throws IOException {
        KeyFormat format = keyFormat(file);
        Map<String, Shape> modules = new TreeMap<>();
        Set<String> understood = new HashSet<>();
        Set<ElementType> types = new HashSet<>();
        for (TensorInfo a : file.tensors().values()) {
            String module = format.moduleOfA(a.name()).orElse(null);
            if (module == null) {
                continue;
            }
            TensorInfo b = file.tensors().get(format.b(module));
            if (b == null) {
                throw invalid(file, "it has %s but no %s".formatted(a.name(), format.b(module)));
            }
            boolean matrices = a.shape().size() == 2 && b.shape().size() == 2;
            if (!matrices || !a.shape().get(0).equals(b.shape().get(1))) {
                throw invalid(
                        file,
                        "%s is %s and %s is %s (expected rank x in and out x rank)"
                                .formatted(a.name(), a.shapeText(), b.name(), b.shapeText()));
            }
            int rank = Math.toIntExact(a.shape().get(0));
            modules.put(
                    module,
                    new Shape(
                            module,
                            rank,
                            Math.toIntExact(a.shape().get(1)),
                            Math.toIntExact(b.shape().get(0))));
            understood.add(a.name());
            understood.add(b.name());
            understood.add(format.alpha(module));
            types.add(floatType(file, a));
            types.add(floatType(file, b));
        }
        for (String key : file.tensors().keySet()) {
            if (!understood.contains(key)) {
                throw invalid(file, "tensor '%s' is no factor in %s's format".formatted(key, format.id()));
            }
        }
        ElementType type = types.size() == 1 ? types.iterator().next() : ElementType.FLOAT32;
        boolean configured = format == KeyFormat.PEFT && Files.exists(peftConfig);
        double scale = configured ? peftScale(peftConfig) : 1;
        return new LoraFile(file, format, type, new ArrayList<>(modules.values()), scale);
    }

    /** PEFT keeps the scale outside of the weights. */
    private static double peftScale(Path config) throws IOException {
        JsonNode root = new JsonMapper().readTree(config.toFile());
        double rank = root.path("r").asDouble();
        double alpha = root.path("lora_alpha").asDouble();
        if (!(rank > 0 && alpha > 0)) {
            throw new IOException("Invalid %s: r is %s and lora_alpha is %s (expected positive numbers)"
                    .formatted(config, root.path("r"), root.path("lora_alpha")));
        }
        return alpha / (root.path("use_rslora").asBoolean() ? Math.sqrt(rank) : rank);
    }

    private static KeyFormat keyFormat(SafetensorsFile file) throws IOException {
        for (String key : file.tensors().keySet()) {
            for (KeyFormat format : KeyFormat.values()) {
                if (format.moduleOfA(key).isPresent()) {
                    return format;
                }
            }
        }
        throw invalid(file, "no tensor is named as in any of the formats comfyui, diffsynth, diffusers, kohya, peft");
    }

    private static ElementType floatType(SafetensorsFile file, TensorInfo tensor) throws IOException {
        return ElementType.of(tensor.dtype())
                .filter(type -> type != ElementType.UINT8)
                .orElseThrow(() -> invalid(file, "tensor '%s' is %s".formatted(tensor.name(), tensor.dtype())));
    }

    private static IOException invalid(SafetensorsFile file, String problem) {
        return new IOException("Not a LoRA for Qwen-Image: %s: %s".formatted(file.location(), problem));
    }

    public KeyFormat keyFormat() {
        return keyFormat;
    }

    /** The type of all factors; float32 where they differ. */
    public ElementType type() {
        return type;
    }

    @Override
    public List<Shape> modules() {
        return modules;
    }

    @Override
    public Map<String, String> metadata() {
        return file.metadata();
    }

    /** {@inheritDoc} A scale, by an alpha other than the rank or by PEFT's config, is multiplied into A. */
    @Override
    public Factors factors(Shape module) throws IOException {
        float[] a = read(keyFormat.a(module.name()));
        float[] b = read(keyFormat.b(module.name()));
        String alpha = keyFormat.alpha(module.name());
        double own = file.tensors().containsKey(alpha) ? read(alpha)[0] / (double) module.rank() : scale;
        for (int i = 0; i < a.length && own != 1; i++) {
            a[i] = (float) (a[i] * own);
        }
        return new Factors(a, b);
    }

    private float[] read(String key) throws IOException {
        TensorInfo info = file.tensors().get(key);
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(info.byteSize()));
        file.read(key, 0, bytes);
        return FloatCodec.decode(bytes.flip(), floatType(file, info));
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
