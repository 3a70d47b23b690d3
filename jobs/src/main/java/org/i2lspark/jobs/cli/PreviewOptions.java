package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.PreviewSpec;
import org.i2lspark.jobs.storage.Storage;

/** The file that says which previews are to be made. */
final class PreviewOptions {
    static final String HELP =
            "Which previews to make, in YAML: prompts, negative_prompt, seed, size, steps, cfg, strength, "
                    + "distilled (a LoRA for few steps), scheduler, model (qwen-image, qwen-image-2512), styles (all, first of brand, "
                    + "every N). What it leaves out is as usual; see README.md.";

    private static final long MAX_BYTES = 1 << 20;

    private PreviewOptions() {}

    /**
     * Reads the file.
     *
     * @param location a local path or a URI
     * @param settings of stores
     * @throws UnusableException if it cannot be read, or does not say what to make
     */
    static PreviewSpec read(String location, Map<String, String> settings) throws IOException {
        Locations.require("--previews", location);
        Storage storage = Sessions.storage(settings);
        org.apache.hadoop.fs.Path path = LoraStore.path(location);
        storage.requireReachable(path, "previews");
        if (storage.status(path).filter(file -> file.isFile()).isEmpty()) {
            throw new UnusableException("Cannot read --previews %s: there is no such file".formatted(location));
        }
        String yaml = new String(storage.readAll(path, MAX_BYTES), StandardCharsets.UTF_8);
        // executors have working directories of their own
        String absolute = LoraStore.isUri(location)
                ? location
                : Path.of(location).toAbsolutePath().toString();
        return PreviewSpec.parse(location, absolute.substring(0, absolute.lastIndexOf('/') + 1), yaml);
    }
}
