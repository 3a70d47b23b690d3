package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
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
            description = "The file to write; for peft a folder.")
    private Path output;

    @Option(
            names = "--key-format",
            converter = LoraCommand.KeyFormatConverter.class,
            paramLabel = "FORMAT",
            description = "comfyui, diffsynth, diffusers, kohya or peft. Default: that of the (first) input.")
    private KeyFormat keyFormat;

    @Option(
            names = "--lora-dtype",
            paramLabel = "TYPE",
            description = "float32 or bfloat16. Default: that of the (first) input, float32 for other types.")
    private FloatType type;

    Path output() {
        return output;
    }

    /** Opens a LoRA file that the user named. */
    static LoraFile open(Path path) throws UnusableException {
        try {
            return LoraFile.open(path);
        } catch (IOException e) {
            throw new UnusableException(Problems.describe(e), e);
        }
    }

    /** Writes a LoRA in the format and type that were asked for, else in those of {@code first}. */
    long write(LoraSource source, LoraFile first) throws IOException {
        ElementType own = first.type() == ElementType.BFLOAT16 ? ElementType.BFLOAT16 : ElementType.FLOAT32;
        return LoraOutput.write(
                output,
                source,
                type == null ? own : type.elementType(),
                keyFormat == null ? first.keyFormat() : keyFormat);
    }
}
