package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.Callable;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.BaseModelConverter;
import org.i2lspark.model.BaseModel;
import org.i2lspark.model.I2lModel;
import org.i2lspark.model.SampleModels;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code i2l sample-models}: checkpoints to try the commands with. */
@Command(
        name = "sample-models",
        mixinStandardHelpOptions = true,
        description = {
            "Writes small checkpoints with made-up weights: the files, names and graphs of the released ones, only narrower and shallower.",
            "They show that everything works. LoRAs made with them are noise and fit no real model.",
            ""
        })
final class SampleModelsCommand implements Callable<Integer> {
    @Option(names = "--output", required = true, paramLabel = "DIR", description = "The model folder to make.")
    private Path output;

    @Option(
            names = "--released-sizes",
            description = {
                "Make checkpoints of the released sizes, of a few kilobytes each: their weights are made up when i2l reads them. "
                        + "For timing a machine without the released files."
            })
    private boolean releasedSizes;

    @Option(
            names = "--model",
            split = ",",
            defaultValue = "qwen-image",
            converter = BaseModelConverter.class,
            paramLabel = "MODEL",
            description =
                    "What the decoders' LoRAs are for, one or more of qwen-image, z-image and z-image-omni-base. Default: qwen-image.")
    private Set<BaseModel> baseModels;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        Path encoder = output.resolve(I2lModel.SIGLIP2_PATH);
        if (Files.exists(encoder) && !SampleModels.wrote(output)) {
            throw new UnusableException(
                    "Cannot write sample models to %s: it holds other checkpoints; take another folder"
                            .formatted(output));
        }
        if (releasedSizes) {
            SampleModels.writeReleasedSizes(output, baseModels);
        } else {
            SampleModels.write(output, baseModels);
        }
        spec.commandLine().getOut().println("Sample checkpoints with made-up weights: " + output);
        return 0;
    }
}
