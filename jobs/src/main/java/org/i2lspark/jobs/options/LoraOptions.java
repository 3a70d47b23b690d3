package org.i2lspark.jobs.options;

import java.util.Map;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.lora.KeyFormat;
import picocli.CommandLine.Option;

/** The form in which LoRAs are written. */
public final class LoraOptions {
    @Option(
            names = "--lora-dtype",
            defaultValue = "bfloat16",
            paramLabel = "TYPE",
            description = "float32 or bfloat16: in which LoRAs are written. Default: bfloat16.")
    private FloatType type;

    @Option(
            names = "--key-format",
            defaultValue = "comfyui",
            converter = KeyFormatConverter.class,
            paramLabel = "FORMAT",
            description = {
                "Tensor names: comfyui (diffusion_model.transformer_blocks.N.M.lora_A.weight) or "
                        + "diffsynth (transformer_blocks.N.M.lora_A.default.weight); also diffusers and kohya. Default: comfyui.",
                "For Z-Image take comfyui or diffsynth: of a LoRA in diffusers' names, DiffSynth-Studio loads nothing and does not say so."
            })
    private KeyFormat keyFormat;

    @Bounds(min = 0)
    @Option(
            names = "--rank",
            defaultValue = "0",
            paramLabel = "R",
            description = {
                "Reduce LoRAs of a higher rank to this one (truncated SVD); the relative error goes into the file and the manifest.",
                "Default: 0, which keeps the rank, 4 for each image and variant."
            })
    private int rank;

    /**
     * Checks what the bounds do not say.
     *
     * @throws UnusableException if a single file cannot have this form
     */
    public void check() throws UnusableException {
        if (keyFormat == KeyFormat.PEFT) {
            throw new UnusableException(
                    "Invalid --key-format: peft (PEFT reads a folder with a config; make one with 'i2l lora convert')");
        }
    }

    public LoraForm form() {
        return new LoraForm(type.elementType(), keyFormat, rank);
    }

    void putInto(Map<String, String> map) {
        map.put("lora-dtype", GenerateOptions.lower(type));
        map.put("key-format", GenerateOptions.lower(keyFormat));
        map.put("rank", rank == 0 ? "full" : String.valueOf(rank));
    }
}
