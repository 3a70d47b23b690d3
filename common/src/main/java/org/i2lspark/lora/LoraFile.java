package org.i2lspark.lora;

import java.io.Closeable;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.i2lspark.lora.TensorName.Role;
import org.i2lspark.safetensors.DType;
import org.i2lspark.safetensors.SafetensorsFile;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.torch.ElementType;

/** A LoRA file as any of the common tools writes it. Only the header is kept in memory. */
public final class LoraFile implements LoraSource, Closeable {
    /** The weights in a folder that diffusers writes. */
    private static final String DIFFUSERS_WEIGHTS_FILE = "pytorch_lora_weights.safetensors";

    /** An empty tensor with which ComfyUI marks files of eight-bit floats. */
    private static final String FP8_MARK = "scaled_fp8";

    private final SafetensorsFile file;
    private final KeyFormat keyFormat;
    private final Set<DType> dtypes;
    private final Map<String, Module> modules;

    /** An adapted layer: its sizes, its tensors, and what B·A is multiplied with by a config or header. */
    private record Module(Shape shape, Map<Role, TensorInfo> tensors, double scale) {}

    /** A folder that LoRA files are read from, wherever it is. */
    @FunctionalInterface
    public interface Folder {
        /** Opens a file of this folder; nothing if it has none of that name. */
        Optional<SeekableByteChannel> open(String name) throws IOException;
    }

    private LoraFile(SafetensorsFile file, KeyFormat keyFormat, Set<DType> dtypes, Map<String, Module> modules) {
        this.file = file;
        this.keyFormat = keyFormat;
        this.dtypes = dtypes;
        this.modules = modules;
    }

    /**
     * Opens a local file, or a folder as PEFT or diffusers write it.
     *
     * @throws IOException if it is no LoRA of Qwen-Image's linear layers, saying what was expected and what was found
     */
    public static LoraFile open(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            return openFolder(path.toString(), localFolder(path));
        }
        Path absolute = path.toAbsolutePath();
        return open(path.toString(), absolute.getFileName().toString(), localFolder(absolute.getParent()));
    }

    private static Folder localFolder(Path folder) {
        return name -> {
            Path file = folder.resolve(name);
            return Files.exists(file) ? Optional.of(Files.newByteChannel(file)) : Optional.empty();
        };
    }

    /**
     * Opens the LoRA in a folder.
     *
     * @param location names the folder in messages
     * @throws IOException as for a local file
     */
    public static LoraFile openFolder(String location, Folder folder) throws IOException {
        for (String name : List.of(PeftConfig.WEIGHTS_FILE, DIFFUSERS_WEIGHTS_FILE)) {
            Optional<SeekableByteChannel> weights = folder.open(name);
            if (weights.isPresent()) {
                return open(location + "/" + name, name, weights.get(), folder);
            }
        }
        throw new FileNotFoundException("Cannot open %s: it is a folder without %s or %s"
                .formatted(location, PeftConfig.WEIGHTS_FILE, DIFFUSERS_WEIGHTS_FILE));
    }

    /**
     * Opens a file of a folder.
     *
     * @param location names the file in messages
     * @throws IOException as for a local file
     */
    public static LoraFile open(String location, String name, Folder folder) throws IOException {
        SeekableByteChannel weights = folder.open(name)
                .orElseThrow(
                        () -> new FileNotFoundException("Cannot open %s: there is no such file".formatted(location)));
        return open(location, name, weights, folder);
    }

    private static LoraFile open(String location, String name, SeekableByteChannel weights, Folder folder)
            throws IOException {
        try {
            return new Reader(SafetensorsFile.open(location, weights)).read(name, folder);
        } catch (IOException | RuntimeException e) {
            weights.close();
            throw e;
        }
    }

    /** Makes sense of a header. */
    private static final class Reader {
        private final SafetensorsFile file;
        private final Map<String, Map<Role, TensorInfo>> tensors = new TreeMap<>();
        private final Set<String> adapters = new TreeSet<>();
        private KeyFormat keyFormat;

        Reader(SafetensorsFile file) {
            this.file = file;
        }

        LoraFile read(String name, Folder folder) throws IOException {
            refuseOtherBase(file.metadata().getOrDefault("modelspec.architecture", ""));
            refuseOtherBase(file.metadata().getOrDefault("ss_base_model_version", ""));
            sort();
            Optional<PeftConfig> config = config(name, folder);
            if (config.isPresent()) {
                refuseOtherBase(config.get().baseModel());
            }
            Set<DType> dtypes = EnumSet.noneOf(DType.class);
            Map<String, Module> modules = new TreeMap<>();
            for (Map.Entry<String, Map<Role, TensorInfo>> module : tensors.entrySet()) {
                modules.put(module.getKey(), module(module.getKey(), module.getValue(), config));
                dtypes.add(module.getValue().get(Role.A).dtype());
                dtypes.add(module.getValue().get(Role.B).dtype());
            }
            return new LoraFile(file, keyFormat, dtypes, modules);
        }

        private void refuseOtherBase(String said) throws IOException {
            Optional<String> base = UnsupportedTensor.otherBase(said);
            if (base.isPresent()) {
                throw invalid("it says that it is for %s ('%s')".formatted(base.get(), said));
            }
        }

        private void sort() throws IOException {
            String unknown = null;
            for (TensorInfo tensor : file.tensors().values()) {
                refuse(UnsupportedTensor.adapter(tensor.name()), tensor);
                Optional<TensorName> name = TensorName.parse(tensor.name());
                if (name.isPresent()) {
                    add(name.get(), tensor);
                } else if (!tensor.name().equals(FP8_MARK)) {
                    refuse(UnsupportedTensor.other(tensor.name()), tensor);
                    unknown = unknown == null ? tensor.name() : unknown;
                }
            }
            if (keyFormat == null) {
                throw invalid("no tensor is named as in any of the formats comfyui, diffsynth, diffusers, kohya, peft");
            }
            if (unknown != null) {
                throw invalid("tensor '%s' is no factor of a linear layer in %s's or any other known format"
                        .formatted(unknown, keyFormat.id()));
            }
            if (adapters.size() > 1) {
                throw invalid("it holds several adapters, %s (expected one)".formatted(String.join(", ", adapters)));
            }
        }

        private void refuse(Optional<String> reason, TensorInfo tensor) throws IOException {
            if (reason.isPresent()) {
                throw invalid("%s: tensor '%s'".formatted(reason.get(), tensor.name()));
            }
        }

        private void add(TensorName name, TensorInfo tensor) throws IOException {
            TensorInfo earlier = tensors.computeIfAbsent(name.module(), module -> new EnumMap<>(Role.class))
                    .put(name.role(), tensor);
            if (name.role() == Role.A || name.role() == Role.B) {
                adapters.add(name.adapter());
                keyFormat = keyFormat == null ? name.keyFormat() : keyFormat;
            }
            if (earlier != null && adapters.size() <= 1) {
                throw invalid(
                        "it has %s twice, as '%s' and as '%s'".formatted(name.module(), earlier.name(), tensor.name()));
            }
        }

        /** A config counts for the file that PEFT reads beside it, and for one whose tensors PEFT has named. */
        private Optional<PeftConfig> config(String name, Folder folder) throws IOException {
            if (name.equals(PeftConfig.WEIGHTS_FILE) || keyFormat == KeyFormat.PEFT) {
                Optional<SeekableByteChannel> config = folder.open(PeftConfig.CONFIG_FILE);
                if (config.isPresent()) {
                    try (SeekableByteChannel channel = config.get()) {
                        String location = "%s beside %s".formatted(PeftConfig.CONFIG_FILE, file.location());
                        byte[] json = Channels.newInputStream(channel).readAllBytes();
                        return Optional.of(PeftConfig.ofFile(location, json));
                    }
                }
            }
            return PeftConfig.ofHeader(file.location(), file.metadata());
        }

        private Module module(String name, Map<Role, TensorInfo> own, Optional<PeftConfig> config) throws IOException {
            TensorInfo a = own.get(Role.A);
            TensorInfo b = own.get(Role.B);
            if (a == null || b == null) {
                TensorInfo found = own.values().iterator().next();
                throw invalid("it has %s but no factor %s of %s".formatted(found.name(), a == null ? "A" : "B", name));
            }
            boolean matrices = a.shape().size() == 2 && b.shape().size() == 2;
            if (!matrices
                    || !a.shape().get(0).equals(b.shape().get(1))
                    || a.shape().contains(0L)) {
                throw invalid("%s is %s and %s is %s (expected rank x in and out x rank)"
                        .formatted(a.name(), a.shapeText(), b.name(), b.shapeText()));
            }
            requireFloats(a);
            requireFloats(b);
            for (Role role : List.of(Role.ALPHA, Role.A_SCALE, Role.B_SCALE)) {
                if (own.containsKey(role)) {
                    requireNumber(own.get(role));
                }
            }
            int rank = Math.toIntExact(a.shape().get(0));
            Shape shape = new Shape(
                    name,
                    rank,
                    Math.toIntExact(a.shape().get(1)),
                    Math.toIntExact(b.shape().get(0)));
            return new Module(shape, own, config.isPresent() ? config.get().scale(name, rank) : 1);
        }

        private void requireFloats(TensorInfo factor) throws IOException {
            if (!FloatCodec.reads(factor.dtype())) {
                throw invalid(
                        "tensor '%s' is %s, which is not supported (expected F64, F32, F16, BF16, F8_E4M3 or F8_E5M2)"
                                .formatted(factor.name(), factor.dtype()));
            }
        }

        private void requireNumber(TensorInfo tensor) throws IOException {
            if (tensor.shape().stream().anyMatch(size -> size != 1) || !FloatCodec.readsNumber(tensor.dtype())) {
                throw invalid("tensor '%s' is %s %s (expected one number)"
                        .formatted(tensor.name(), tensor.shapeText(), tensor.dtype()));
            }
        }

        private IOException invalid(String problem) {
            return new IOException("Not a LoRA for Qwen-Image: %s: %s".formatted(file.location(), problem));
        }
    }

    /** The format whose names are this file's, or are most like them. */
    public KeyFormat keyFormat() {
        return keyFormat;
    }

    /** The type of all factors; float32 where they differ, and for types in which LoRAs are not computed with. */
    public ElementType type() {
        return dtypes.size() == 1
                ? ElementType.of(dtypes.iterator().next()).orElse(ElementType.FLOAT32)
                : ElementType.FLOAT32;
    }

    /** The types of the factors, as the file has them. */
    public Set<DType> storedTypes() {
        return dtypes;
    }

    /** A name of a factor, as the file has it. */
    public String exampleName() {
        return modules.values().iterator().next().tensors().get(Role.A).name();
    }

    @Override
    public List<Shape> modules() {
        return modules.values().stream().map(Module::shape).toList();
    }

    @Override
    public Map<String, String> metadata() {
        return file.metadata();
    }

    /** {@inheritDoc} What B·A is multiplied with, by an alpha, a config or a header, is multiplied into A. */
    @Override
    public Factors factors(Shape shape) throws IOException {
        Module module = modules.get(shape.name());
        Map<Role, TensorInfo> tensors = module.tensors();
        double scale = module.scale();
        if (tensors.containsKey(Role.ALPHA)) {
            scale *= number(tensors.get(Role.ALPHA)) / shape.rank();
        }
        for (Role role : List.of(Role.A_SCALE, Role.B_SCALE)) {
            scale *= tensors.containsKey(role) ? number(tensors.get(role)) : 1;
        }
        float[] a = floats(tensors.get(Role.A));
        for (int i = 0; i < a.length && scale != 1; i++) {
            a[i] = (float) (a[i] * scale);
        }
        return new Factors(a, floats(tensors.get(Role.B)));
    }

    private double number(TensorInfo tensor) throws IOException {
        double number = FloatCodec.decodeNumber(bytes(tensor), tensor.dtype());
        if (!Double.isFinite(number)) {
            throw new IOException(
                    "Cannot read %s: %s is %s (expected a number)".formatted(file.location(), tensor.name(), number));
        }
        return number;
    }

    private float[] floats(TensorInfo tensor) throws IOException {
        return FloatCodec.decode(bytes(tensor), tensor.dtype());
    }

    private ByteBuffer bytes(TensorInfo tensor) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(tensor.byteSize()));
        file.read(tensor.name(), 0, bytes);
        return bytes.flip();
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
