package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.i2lspark.jobs.options.FloatType;
import org.i2lspark.jobs.options.KeyFormatConverter;
import org.i2lspark.lora.KeyFormat;
import org.i2lspark.lora.LoraFile;
import org.i2lspark.lora.LoraSource;
import org.i2lspark.torch.ElementType;
import picocli.CommandLine.Option;

/** The options of all commands that write a LoRA file from others. */
final class LoraFileOptions {
    @Option(
            names = "--output",
            required = true,
            paramLabel = "PATH",
            description = "The file to write; for peft a folder. A local path or a URI.")
    private String output;

    @Option(names = "--overwrite", description = "Replace what is there.")
    private boolean overwrite;

    @Option(
            names = "--key-format",
            converter = KeyFormatConverter.class,
            paramLabel = "FORMAT",
            description =
                    "comfyui, diffsynth, diffusers, kohya or peft. Default: that of the (first) input, or the nearest;"
                            + " comfyui for a .safetensors from PEFT.")
    private KeyFormat keyFormat;

    @Option(
            names = "--lora-dtype",
            paramLabel = "TYPE",
            description = "float32 or bfloat16. Default: that of the (first) input, float32 for other types.")
    private FloatType type;

    String output() {
        return output;
    }

    /** Checks that the output can be written, before work on it begins. */
    void check(LoraStore store, LoraFile first) throws IOException {
        store.check(output, keyFormat(first), overwrite);
    }

    /** Writes a LoRA in the format and type that were asked for, else in those of {@code first}. */
    long write(LoraStore store, LoraSource source, LoraFile first) throws IOException {
        ElementType own = first.type() == ElementType.BFLOAT16 ? ElementType.BFLOAT16 : ElementType.FLOAT32;
        return store.write(output, overwrite, source, type == null ? own : type.elementType(), keyFormat(first));
    }

    /** What became of it, for a program: names and values. */
    Map<String, Object> facts(int rank, long bytes) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("output", output);
        facts.put("rank", rank);
        facts.put("bytes", bytes);
        return facts;
    }

    private KeyFormat keyFormat(LoraFile first) {
        if (keyFormat != null) {
            return keyFormat;
        }
        boolean file = output.endsWith(".safetensors");
        return file && first.keyFormat() == KeyFormat.PEFT ? KeyFormat.COMFYUI : first.keyFormat();
    }
}
