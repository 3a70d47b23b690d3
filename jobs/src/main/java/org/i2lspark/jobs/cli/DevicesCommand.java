package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.i2lspark.torch.Torch;
import org.i2lspark.torch.TorchDevice;
import org.i2lspark.torch.TorchLibrary;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code i2l devices}: what this machine would compute with. */
@Command(
        name = "devices",
        mixinStandardHelpOptions = true,
        description = {
            "Loads libtorch as the other commands do, and says which it is and on which devices it can compute here.",
            "scripts/gpu-runtime installs one for GPUs.",
            ""
        })
final class DevicesCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        Torch.requireUsable();
        TorchLibrary library = Torch.library();
        Stream<TorchDevice> gpus = IntStream.iterate(0, gpu -> gpu + 1)
                .takeWhile(Torch::gpuIsUsable)
                .mapToObj(TorchDevice::gpu);
        String devices = Stream.concat(Stream.of(TorchDevice.CPU), gpus)
                .map(TorchDevice::name)
                .collect(Collectors.joining(", "));
        spec.commandLine()
                .getOut()
                .printf("libtorch %s of %s%nDevices: %s%n", library.build(), library.folder(), devices);
        return 0;
    }
}
