package org.i2lspark.torch;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * TorchScript source that runs in libtorch. A source is a class {@code Graph} without attributes whose methods are pure
 * functions: everything, the weights too, comes in as an argument. Loading wraps the source into a TorchScript archive in
 * memory, so nothing is converted beforehand and no Python is needed. Safe for use by several threads.
 */
public final class Graph implements AutoCloseable {
    /** Older archive versions select older operators. */
    private static final String ARCHIVE_VERSION = "10";
    /** Pickle of an instance of {@code __torch__.Graph} without state. */
    private static final byte[] MODULE_PICKLE = pickle("\u0080\u0002c__torch__\nGraph\n)\u0081}b.");
    /** Pickle of an empty tuple: the source has no constants of its own. */
    private static final byte[] CONSTANTS_PICKLE = pickle("\u0080\u0002).");

    private final Model model;
    private final PtSymbolBlock block;

    private Graph(Model model) {
        this.model = model;
        this.block = (PtSymbolBlock) model.getBlock();
    }

    /** Loads the source that lies as a resource beside {@code owner}. */
    public static Graph load(Class<?> owner, String resource) {
        try (InputStream source = owner.getResourceAsStream(resource)) {
            if (source == null) {
                throw new IllegalArgumentException("No resource %s beside %s".formatted(resource, owner));
            }
            Torch.version();
            return load(resource, archive(source.readAllBytes()));
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot load graph " + resource, e);
        } catch (MalformedModelException e) {
            throw new IllegalStateException("Cannot load graph " + resource, e);
        }
    }

    private static Graph load(String name, byte[] archive) throws IOException, MalformedModelException {
        Model model = Model.newInstance(name, "PyTorch");
        try {
            model.load(new ByteArrayInputStream(archive), Map.of());
            return new Graph(model);
        } catch (Throwable e) {
            model.close();
            throw e;
        }
    }

    /**
     * Runs a method that returns a tensor.
     *
     * @param scope takes the result
     * @param arguments {@link Tensor}, list of {@link Tensor}, {@link Long}, {@link Integer}, {@link Double},
     *     {@link Boolean}, {@link String}, {@code long[]}, {@link ElementType} or {@link TorchDevice}
     */
    public Tensor call(TensorScope scope, String method, Object... arguments) {
        try (IValue result = run(method, arguments)) {
            return scope.own(result.toTensor(scope.manager()));
        }
    }

    /** Runs a method that returns a tensor whose memory is that of an argument; arguments as for {@link #call}. */
    Tensor callForView(TensorScope scope, String method, Object... arguments) {
        try (IValue result = run(method, arguments)) {
            return scope.ownView(result.toTensor(scope.manager()));
        }
    }

    /** Runs a method that only writes into its arguments; arguments as for {@link #call}. */
    public void execute(String method, Object... arguments) {
        run(method, arguments).close();
    }

    /** Runs a method that returns a list of tensors; arguments as for {@link #call}. */
    public List<Tensor> callForList(TensorScope scope, String method, Object... arguments) {
        try (IValue result = run(method, arguments)) {
            return Arrays.stream(result.toTensorArray(scope.manager()))
                    .map(scope::own)
                    .toList();
        }
    }

    private IValue run(String method, Object... arguments) {
        // the setting is per thread
        JniUtils.setGraphExecutorOptimize(false);
        IValue[] values = new IValue[arguments.length];
        try {
            for (int i = 0; i < arguments.length; i++) {
                values[i] = value(arguments[i]);
            }
            return IValueUtils.runMethod(block, method, values);
        } finally {
            for (IValue value : values) {
                if (value != null) {
                    value.close();
                }
            }
        }
    }

    private static IValue value(Object argument) {
        if (argument instanceof Tensor tensor) {
            return IValue.from(tensor.array());
        }
        if (argument instanceof List<?> tensors) {
            return IValue.listFrom(
                    tensors.stream().map(tensor -> ((Tensor) tensor).array()).toArray(PtNDArray[]::new));
        }
        if (argument instanceof Long || argument instanceof Integer) {
            return IValue.from(((Number) argument).longValue());
        }
        if (argument instanceof Double number) {
            return IValue.from(number);
        }
        if (argument instanceof Boolean flag) {
            return IValue.from(flag);
        }
        if (argument instanceof String text) {
            return IValue.from(text);
        }
        if (argument instanceof long[] numbers) {
            return IValue.listFrom(numbers);
        }
        if (argument instanceof ElementType type) {
            return IValue.from(type.torchCode());
        }
        if (argument instanceof TorchDevice device) {
            return IValue.from(device.name());
        }
        throw new IllegalArgumentException("Cannot pass to a graph: " + argument);
    }

    @Override
    public void close() {
        model.close();
    }

    private static byte[] archive(byte[] source) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.setMethod(ZipOutputStream.STORED);
            addStored(zip, "m/data.pkl", MODULE_PICKLE);
            addStored(zip, "m/code/__torch__.py", source);
            addStored(zip, "m/constants.pkl", CONSTANTS_PICKLE);
            addStored(zip, "m/version", ARCHIVE_VERSION.getBytes(StandardCharsets.US_ASCII));
        }
        return bytes.toByteArray();
    }

    private static void addStored(ZipOutputStream zip, String name, byte[] content) throws IOException {
        ZipEntry entry = new ZipEntry(name);
        CRC32 crc = new CRC32();
        crc.update(content);
        entry.setCrc(crc.getValue());
        entry.setSize(content.length);
        entry.setCompressedSize(content.length);
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }

    private static byte[] pickle(String opcodes) {
        return opcodes.getBytes(StandardCharsets.ISO_8859_1);
    }
}
