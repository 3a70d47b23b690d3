package org.i2lspark.jobs.cli;

import picocli.CommandLine.Command;

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
final class LoraCommand {}
