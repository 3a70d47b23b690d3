package org.i2lspark.lora;

import java.io.Closeable;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.i2lspark.lora.TensorName.Role;
import org.i2lspark.safetensors.DType;
import org.i2lspark.safetensors.SafetensorsFile;
import org.i2lspark.safetensors.TensorInfo;
import org.i2lspark.torch.ElementType;

/** A LoRA file as any of the common tools writes it. Only the header is kept in memory. */
public final class LoraFile implements LoraSource, Closeable {
    /** The weights in a folder that diffusers writes. */
    private static final String DIFFUSERS_WEIGHTS_FILE = "pytorch_lora_weights.safetensors";

    private final SafetensorsFile file;
    private final KeyFormat keyFormat;
    private final Set<DType> dtypes;
    private final Map<String, Module> modules;
    private final List<Shape> shapes;

    /**
     * An adapted layer: its sizes, its tensors, and what B·A is multiplied with by a config or header.
     *
     * @param place of its factors in the tensors
     */
    record Module(Shape shape, Map<Role, TensorInfo> tensors, double scale, Place place) {}

    /**
     * Where the factors of a layer are in tensors that may be of several.
     *
     * @param row of B in which its outputs begin
     * @param column of B, and row of A, in which its rank begins
     * @param wholeRank of the tensors
     */
    record Place(int row, int column, int wholeRank) {
        private float[] a(float[] whole, Shape shape) {
            return shape.rank() == wholeRank
                    ? whole
                    : Arrays.copyOfRange(whole, column * shape.in(), (column + shape.rank()) * shape.in());
        }

        private float[] b(float[] whole, Shape shape) {
            if (whole.length == shape.out() * shape.rank()) {
                return whole;
            }
            float[] own = new float[shape.out() * shape.rank()];
            for (int o = 0; o < shape.out(); o++) {
                System.arraycopy(whole, (row + o) * wholeRank + column, own, o * shape.rank(), shape.rank());
            }
            return own;
        }
    }

    /** A folder that LoRA files are read from, wherever it is. */
    @FunctionalInterface
    public interface Folder {
        /** Opens a file of this folder; nothing if it has none of that name. */
        Optional<SeekableByteChannel> open(String name) throws IOException;
    }

    LoraFile(SafetensorsFile file, KeyFormat keyFormat, Set<DType> dtypes, Map<String, Module> modules) {
        this.file = file;
        this.keyFormat = keyFormat;
        this.dtypes = dtypes;
        this.modules = modules;
        this.shapes = modules.values().stream().map(Module::shape).toList();
    }

    /**
     * Opens a local file, or a folder as PEFT or diffusers write it.
     *
     * @throws IOException if it is no LoRA of a known transformer's linear layers, saying what was expected and what was found
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
                return open(location.replaceFirst("/*$", "/") + name, name, weights.get(), folder);
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
            return new LoraFileReader(SafetensorsFile.open(location, weights)).read(name, folder);
        } catch (IOException | RuntimeException e) {
            weights.close();
            throw e;
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
        return shapes;
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
            scale *= number(tensors.get(Role.ALPHA)) / module.place().wholeRank();
        }
        for (Role role : List.of(Role.A_SCALE, Role.B_SCALE)) {
            scale *= tensors.containsKey(role) ? number(tensors.get(role)) : 1;
        }
        float[] a = module.place().a(floats(tensors.get(Role.A)), shape);
        for (int i = 0; i < a.length && scale != 1; i++) {
            a[i] = (float) (a[i] * scale);
        }
        return new Factors(a, module.place().b(floats(tensors.get(Role.B)), shape));
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
