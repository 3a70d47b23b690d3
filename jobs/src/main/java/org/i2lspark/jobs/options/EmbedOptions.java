package org.i2lspark.jobs.options;

import java.util.LinkedHashMap;
import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What a run is asked to embed. */
public final class EmbedOptions {
    @Mixin
    private CatalogOptions catalog;

    @Mixin
    private ComputeOptions compute;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "URI",
            description = "Folder for manifest/; made if need be. It may hold LoRAs too.")
    private String output;

    @Mixin
    private FailureOptions failures;

    @Mixin
    private ImageLimitOptions limits;

    public CatalogOptions catalog() {
        return catalog;
    }

    public ComputeOptions compute() {
        return compute;
    }

    /** URI of the folder for the manifest, as it was named. */
    public String output() {
        return output;
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
        compute.putInto(map);
        limits.putInto(map);
        catalog.putInto(map);
        failures.putInto(map);
        return map;
    }
}
