package org.i2lspark.jobs.options;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What a run is asked to do. */
public final class GenerateOptions {
    @Mixin
    private CatalogOptions catalog;

    @Mixin
    private StackOptions stack;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "URI",
            description = "Folder for loras/ and manifest/; made if need be.")
    private String output;

    @Mixin
    private LoraOptions lora;

    @Mixin
    private FailureOptions failures;

    @Mixin
    private ImageLimitOptions limits;

    public CatalogOptions catalog() {
        return catalog;
    }

    public StackOptions stack() {
        return stack;
    }

    /** URI of the folder for LoRAs and manifest, as it was named. */
    public String output() {
        return output;
    }

    public LoraForm form() {
        return lora.form();
    }

    public FailureOptions failures() {
        return failures;
    }

    public ImageLimits limits() {
        return limits.limits();
    }

    /**
     * Checks what can be without opening anything, but for the bounds.
     *
     * @throws UnusableException naming the first option that cannot be used
     */
    public void check() throws UnusableException {
        catalog.check();
        stack.check();
        lora.check();
    }

    /**
     * The options as a manifest shows them.
     *
     * @param catalogUri with scheme
     * @param outputUri with scheme
     */
    public Map<String, String> toMap(String catalogUri, String outputUri) {
        Map<String, String> map = new LinkedHashMap<>();
        map.put("catalog", catalogUri);
        map.put("output", outputUri);
        stack.putInto(map);
        lora.putInto(map);
        limits.putInto(map);
        catalog.putInto(map);
        failures.putInto(map);
        return map;
    }

    /** The name of a choice as options and manifest have it. */
    public static String lower(Enum<?> choice) {
        return choice.name().toLowerCase(Locale.ROOT);
    }
}
