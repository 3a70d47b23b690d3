package org.i2lspark.jobs.options;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import picocli.CommandLine.Mixin;

/** What a run is asked to do. */
public final class GenerateOptions {
    @Mixin
    private CatalogOptions catalog;

    @Mixin
    private RunOptions run;

    @Mixin
    private ImageLimitOptions limits;

    public CatalogOptions catalog() {
        return catalog;
    }

    /** All but what LoRAs are made from. */
    public RunOptions run() {
        return run;
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
        run.check();
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
        run.putInto(map, run.stack().baseModels().get(0));
        limits.putInto(map);
        catalog.putInto(map);
        return map;
    }

    /** The name of a choice as options and manifest have it. */
    public static String lower(Enum<?> choice) {
        return choice.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
