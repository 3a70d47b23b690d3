package org.i2lspark.jobs.serve;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.output.OutputLayout;
import org.i2lspark.jobs.storage.Storage;

/** The aliases of a brand in an output: one file, replaced whole, and only over what was read. */
public final class AliasFile {
    private static final int MAX_BYTES = 64 << 20;
    private static final int ATTEMPTS = 20;
    private static final JsonMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    private final Storage storage;
    private final String brand;
    private final Path file;
    private final Path scratch;

    public AliasFile(Storage storage, OutputLayout layout, String brand) {
        this.storage = storage;
        this.brand = brand;
        this.file = layout.aliases(brand);
        this.scratch = layout.aliasScratch();
    }

    /**
     * The aliases; nothing where no run was made for the brand.
     *
     * @throws UnusableException if the file is damaged
     */
    public Optional<BrandAliases> read() throws IOException {
        Optional<byte[]> bytes = bytes();
        return bytes.isEmpty() ? Optional.empty() : Optional.of(parse(file, bytes.get()));
    }

    /**
     * Paths, relative to the output, of all LoRAs that aliases of any brand name.
     *
     * @throws UnusableException if an alias file is damaged
     */
    public static Set<String> paths(Storage storage, OutputLayout layout) throws IOException {
        Set<String> paths = new TreeSet<>();
        for (FileStatus file : storage.children(layout.aliases())) {
            if (file.getPath().getName().endsWith(".json")) {
                BrandAliases aliases = parse(file.getPath(), storage.readAll(file.getPath(), MAX_BYTES));
                for (StyleAlias alias : aliases.styles().values()) {
                    Stream.of(alias.current(), alias.previous(), alias.candidate())
                            .filter(Objects::nonNull)
                            .forEach(version -> paths.add(version.path()));
                }
            }
        }
        return paths;
    }

    private Optional<byte[]> bytes() throws IOException {
        try {
            return Optional.of(storage.readAll(file, MAX_BYTES));
        } catch (FileNotFoundException e) {
            return Optional.empty();
        }
    }

    private static BrandAliases parse(Path file, byte[] bytes) throws UnusableException {
        try {
            return JSON.readValue(bytes, BrandAliases.class);
        } catch (IOException e) {
            throw new UnusableException(
                    "Cannot read %s: it is damaged; put back a copy, or remove it and run generate".formatted(file), e);
        }
    }

    /**
     * Changes the aliases; the change is made anew when another came first.
     *
     * @return the aliases after it
     */
    public BrandAliases update(UnaryOperator<BrandAliases> change) throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Optional<byte[]> read = bytes();
            BrandAliases before = read.isEmpty() ? BrandAliases.none(brand) : parse(file, read.get());
            BrandAliases after = change.apply(before);
            byte[] bytes = JSON.writeValueAsBytes(after);
            if (Arrays.equals(bytes, read.orElse(null))
                    || storage.compareAndSet(file, scratch, read.orElse(null), bytes)) {
                return after;
            }
        }
        throw new IOException("Cannot write %s: others keep changing it".formatted(file));
    }
}
