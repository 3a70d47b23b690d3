package org.i2lspark.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import org.i2lspark.safetensors.TensorLayout;
import org.i2lspark.safetensors.TensorStore;

/** A network's checkpoint and sizes. */
public record Network<C>(Checkpoint checkpoint, C config) {
    /** Reads a network's sizes. */
    @FunctionalInterface
    interface ConfigReader<C> {
        C read(Path path) throws IOException;
    }

    /**
     * Reads the header of a checkpoint and the {@code config.json} beside it, which is that of the released model where there is
     * none, and checks one against the other.
     *
     * @param path of the file, or of the index of one in shards
     * @param layout what a checkpoint of some sizes holds of the tensors that are used
     * @param isUsed whether a tensor of this name is used
     */
    static <C> Network<C> inspect(
            Path path,
            ReleasedCheckpoint released,
            ConfigReader<C> reader,
            C releasedConfig,
            Function<C, TensorLayout> layout,
            Predicate<String> isUsed)
            throws IOException {
        Checkpoint checkpoint = Checkpoint.inspect(path);
        checkpoint.requireNotAnother(released);
        Path configFile = path.resolveSibling("config.json");
        C config = Files.exists(configFile) ? reader.read(configFile) : releasedConfig;
        List<String> differences;
        try (TensorStore store = checkpoint.open()) {
            differences =
                    layout.apply(config).differences(TensorLayout.of(store).only(isUsed));
        }
        if (!differences.isEmpty()) {
            throw new IOException("Not the %s checkpoint that %s describes: %s: %s"
                    .formatted(
                            released.title(),
                            Files.exists(configFile)
                                    ? configFile
                                    : "the released model (there is no config.json beside it)",
                            path,
                            String.join("; ", differences)));
        }
        return new Network<>(checkpoint, config);
    }
}
