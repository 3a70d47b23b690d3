package org.i2lspark.jobs.options;

import java.util.LinkedHashMap;
import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.Variant;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What a run is asked to make of embeddings. */
public final class DecodeOptions {
    @Option(
            names = "--from",
            required = true,
            paramLabel = "URI",
            description = "The --output of a run of generate or decode, whose manifest holds the embeddings.")
    private String from;

    @Mixin
    private RunOptions run;

    /** URI of the output that holds the embeddings, as it was named. */
    public String from() {
        return from;
    }

    /** All but what LoRAs are made from. */
    public RunOptions run() {
        return run;
    }

    /**
     * Checks what can be without opening anything, but for the bounds.
     *
     * @throws UnusableException naming the first option that cannot be used
     */
    public void check() throws UnusableException {
        run.check();
        run.stack().baseModel();
        for (Variant variant : run.stack().variants()) {
            if (variant == Variant.COARSE || variant == Variant.FINE) {
                throw new UnusableException(
                        "Invalid --variants: %s needs what Qwen2.5-VL sees in the images, which no manifest holds; make it with 'i2l generate'"
                                .formatted(variant.id()));
            }
        }
    }

    /**
     * The options as a manifest shows them.
     *
     * @param baseModel that LoRAs are made for
     * @param fromUri with scheme
     * @param outputUri with scheme
     */
    public static Map<String, String> toMap(RunOptions run, BaseModel baseModel, String fromUri, String outputUri) {
        Map<String, String> map = new LinkedHashMap<>();
        map.put("from", fromUri);
        map.put("output", outputUri);
        run.putInto(map, baseModel);
        return map;
    }
}
