package org.i2lspark.jobs.cli;

import java.util.Arrays;
import org.i2lspark.lora.KeyFormat;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** {@code i2l lora}: tools for LoRA files. */
@Command(
        name = "lora",
        mixinStandardHelpOptions = true,
        description = {
            "Looks at LoRA files, merges, reduces, converts and compares them.",
            "Reads what ComfyUI, DiffSynth-Studio, diffusers, PEFT, kohya's scripts, musubi-tuner and LyCORIS write, "
                    + "and the Lightning LoRAs. Takes local paths and URIs (s3a:, hdfs:).",
            ""
        },
        subcommands = {
            LoraInspectCommand.class,
            LoraMergeCommand.class,
            LoraReduceCommand.class,
            LoraConvertCommand.class,
            LoraDiffCommand.class
        })
final class LoraCommand {
    /** Reads the name of a key format. */
    static final class KeyFormatConverter implements ITypeConverter<KeyFormat> {
        @Override
        public KeyFormat convert(String id) {
            return Arrays.stream(KeyFormat.values())
                    .filter(format -> format.id().equalsIgnoreCase(id))
                    .findFirst()
                    .orElseThrow(() -> new TypeConversionException("expected one of "
                            + Arrays.stream(KeyFormat.values())
                                    .map(KeyFormat::id)
                                    .toList() + ", not '" + id + "'"));
        }
    }
}
