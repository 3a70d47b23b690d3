package org.i2lspark.jobs.options;

import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.model.BaseModel;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How the LoRAs of a run are made, whatever they are made from, and where they go. */
public final class RunOptions {
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

    void check() throws UnusableException {
        stack.check();
        lora.check();
    }

    void putInto(Map<String, String> map, BaseModel baseModel) {
        stack.putInto(map, baseModel);
        lora.putInto(map);
        failures.putInto(map);
    }
}
