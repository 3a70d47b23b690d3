package org.i2lspark.lora;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.i2lspark.lora.TensorName.Role;
import org.i2lspark.lora.Transformer.Fusion;
import org.i2lspark.safetensors.DType;
import org.i2lspark.safetensors.SafetensorsFile;
import org.i2lspark.safetensors.TensorInfo;

/** Makes sense of the header of a LoRA file: whose tensors these are, and how strong. */
final class LoraFileReader {
    /** An empty tensor with which ComfyUI marks files of eight-bit floats. */
    private static final String FP8_MARK = "scaled_fp8";

    private final SafetensorsFile file;
    private final Map<String, Map<Role, TensorInfo>> tensors = new TreeMap<>();
    private final Set<String> adapters = new TreeSet<>();
    private KeyFormat keyFormat;
    private Transformer transformer;

    LoraFileReader(SafetensorsFile file) {
        this.file = file;
    }

    LoraFile read(String name, LoraFile.Folder folder) throws IOException {
        refuseOtherBase(file.metadata().getOrDefault("modelspec.architecture", ""));
        refuseOtherBase(file.metadata().getOrDefault("ss_base_model_version", ""));
        sort();
        Optional<PeftConfig> config = config(name, folder);
        if (config.isPresent()) {
            refuseOtherBase(config.get().baseModel());
        }
        Set<DType> dtypes = EnumSet.noneOf(DType.class);
        Map<String, LoraFile.Module> modules = new TreeMap<>();
        for (Map.Entry<String, Map<Role, TensorInfo>> module : tensors.entrySet()) {
            for (LoraFile.Module own : modules(module.getKey(), module.getValue(), config)) {
                if (modules.put(own.shape().name(), own) != null) {
                    throw invalid("it has %s alone and as part of another layer"
                            .formatted(own.shape().name()));
                }
            }
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
        transformer = transformer == null ? name.layer().transformer() : transformer;
        if (name.layer().transformer() != transformer) {
            throw invalid("it has layers of two base models, %s and %s: tensor '%s'"
                    .formatted(transformer, name.layer().transformer(), tensor.name()));
        }
        String module = name.layer().module();
        TensorInfo earlier = tensors.computeIfAbsent(module, ignored -> new EnumMap<>(Role.class))
                .put(name.role(), tensor);
        if (name.role() == Role.A || name.role() == Role.B) {
            adapters.add(name.adapter());
            keyFormat = keyFormat == null ? name.keyFormat() : keyFormat;
        }
        if (earlier != null && adapters.size() <= 1) {
            throw invalid("it has %s twice, as '%s' and as '%s'".formatted(module, earlier.name(), tensor.name()));
        }
    }

    /** A config counts for the file that PEFT reads beside it, and for one whose tensors PEFT has named. */
    private Optional<PeftConfig> config(String name, LoraFile.Folder folder) throws IOException {
        if (name.equals(PeftConfig.WEIGHTS_FILE) || keyFormat == KeyFormat.PEFT) {
            Optional<SeekableByteChannel> config = folder.open(PeftConfig.CONFIG_FILE);
            if (config.isPresent()) {
                refuseAlphas();
                try (SeekableByteChannel channel = config.get()) {
                    String location = "%s beside %s".formatted(PeftConfig.CONFIG_FILE, file.location());
                    byte[] json = Channels.newInputStream(channel).readAllBytes();
                    return Optional.of(PeftConfig.ofFile(location, json));
                }
            }
            if (name.equals(PeftConfig.WEIGHTS_FILE) && keyFormat == KeyFormat.PEFT) {
                throw invalid(
                        "there is no %s beside it, which says how strong it is".formatted(PeftConfig.CONFIG_FILE));
            }
        }
        return PeftConfig.ofHeader(file.location(), file.metadata());
    }

    /** PEFT would not see them, and others would not see the config. */
    private void refuseAlphas() throws IOException {
        for (Map<Role, TensorInfo> module : tensors.values()) {
            if (module.containsKey(Role.ALPHA)) {
                throw invalid(
                        "it has alphas, such as '%s', beside a config of PEFT, which ignores them (expected one or the other)"
                                .formatted(module.get(Role.ALPHA).name()));
            }
        }
    }

    private List<LoraFile.Module> modules(String name, Map<Role, TensorInfo> own, Optional<PeftConfig> config)
            throws IOException {
        TensorInfo a = own.get(Role.A);
        TensorInfo b = own.get(Role.B);
        if (a == null || b == null) {
            TensorInfo found = own.values().iterator().next();
            throw invalid("it has %s but no factor %s of %s".formatted(found.name(), a == null ? "A" : "B", name));
        }
        boolean matrices = a.shape().size() == 2 && b.shape().size() == 2;
        if (!matrices
                || !a.shape().get(0).equals(b.shape().get(1))
                || a.shape().contains(0L)
                || b.shape().contains(0L)) {
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
        LoraSource.Shape shape = new LoraSource.Shape(
                name,
                rank,
                Math.toIntExact(a.shape().get(1)),
                Math.toIntExact(b.shape().get(0)));
        double scale = config.isPresent() ? config.get().scale(name, rank) : 1;
        Optional<Fusion> fusion = Transformer.fusionNamed(name);
        return fusion.isPresent()
                ? parts(fusion.get(), shape, own, scale)
                : List.of(new LoraFile.Module(shape, own, scale, new LoraFile.Place(0, 0, rank)));
    }

    /** The layers that a tool has as one. Where B is block-diagonal, as those write it who join them, each has its own rank. */
    private List<LoraFile.Module> parts(
            Fusion fusion, LoraSource.Shape whole, Map<Role, TensorInfo> tensors, double scale) throws IOException {
        long in = fusion.parts().get(0).in();
        if (whole.out() * in != whole.in() * fusion.out()) {
            throw invalid(
                    "%s has %d inputs and %d outputs (expected %d and %d, or as many times fewer; Lumina has layers of these names)"
                            .formatted(whole.name(), whole.in(), whole.out(), in, fusion.out()));
        }
        int[] rows = fusion.parts().stream()
                .mapToInt(part -> Math.toIntExact(whole.out() * part.out() / fusion.out()))
                .toArray();
        boolean blocks = isBlockDiagonal(tensors.get(Role.B), rows, whole.rank());
        int rank = blocks ? whole.rank() / rows.length : whole.rank();
        List<LoraFile.Module> parts = new ArrayList<>();
        int row = 0;
        for (int i = 0; i < rows.length; i++) {
            String name =
                    Transformer.sibling(whole.name(), fusion.parts().get(i).name());
            parts.add(new LoraFile.Module(
                    new LoraSource.Shape(name, rank, whole.in(), rows[i]),
                    tensors,
                    scale,
                    new LoraFile.Place(row, blocks ? i * rank : 0, whole.rank())));
            row += rows[i];
        }
        return parts;
    }

    private boolean isBlockDiagonal(TensorInfo b, int[] rows, int rank) throws IOException {
        if (rank % rows.length != 0) {
            return false;
        }
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(b.byteSize()));
        file.read(b.name(), 0, bytes);
        float[] values = FloatCodec.decode(bytes.flip(), b.dtype());
        int width = rank / rows.length;
        int row = 0;
        for (int part = 0; part < rows.length; part++) {
            for (int end = row + rows[part]; row < end; row++) {
                for (int column = 0; column < rank; column++) {
                    if (column / width != part && values[row * rank + column] != 0) {
                        return false;
                    }
                }
            }
        }
        return true;
    }

    private void requireFloats(TensorInfo factor) throws IOException {
        if (!FloatCodec.reads(factor.dtype())) {
            throw invalid("tensor '%s' is %s, which is not supported (expected F64, F32, F16, BF16, F8_E4M3 or F8_E5M2)"
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
        return new IOException("Not a LoRA for %s: %s: %s".formatted(Transformer.titles(), file.location(), problem));
    }
}
