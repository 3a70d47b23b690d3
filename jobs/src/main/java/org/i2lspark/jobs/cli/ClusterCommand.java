package org.i2lspark.jobs.cli;

import java.util.concurrent.Callable;
import org.i2lspark.jobs.UnusableException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code i2l cluster}, which {@code scripts/i2l} carries out without this program: here is what help and shells know of it. */
@Command(
        name = "cluster",
        mixinStandardHelpOptions = true,
        description = "Starts and stops a Spark cluster on this machine, to try --master with.",
        subcommands = {ClusterCommand.StartCommand.class, ClusterCommand.StopCommand.class})
final class ClusterCommand {

    /** What both refuse to do themselves. */
    private abstract static class OfScript implements Callable<Integer> {
        @Spec
        private CommandSpec spec;

        @Override
        public final Integer call() throws UnusableException {
            throw new UnusableException("Cannot %s a cluster from within Spark; run scripts/%s"
                    .formatted(spec.name(), spec.qualifiedName()));
        }
    }

    /** {@code i2l cluster start}. */
    @Command(
            name = "start",
            mixinStandardHelpOptions = true,
            sortOptions = false,
            description = {
                "Starts a Spark standalone cluster from the build's jars: a master and workers on 127.0.0.1. Logs lie in out/cluster.",
                ""
            },
            footer = {
                "",
                "Example:",
                "  scripts/i2l cluster start --fake-gpus 1",
                "  scripts/i2l generate --master spark://127.0.0.1:7077 \\",
                "    --conf spark.executor.resource.gpu.amount=1 --catalog samples/catalog \\",
                "    --models out/demo/models --output out/on-cluster",
                "  scripts/i2l cluster stop"
            })
    @SuppressWarnings("unused") // the script takes them
    static final class StartCommand extends OfScript {
        @Option(names = "--workers", paramLabel = "N", description = "Default: 2.")
        private int workers;

        @Option(names = "--cores", paramLabel = "N", description = "Of each worker. Default: 2.")
        private int cores;

        @Option(names = "--memory", paramLabel = "SIZE", description = "Of each worker. Default: 2g.")
        private String memory;

        @Option(
                names = "--fake-gpus",
                paramLabel = "N",
                description =
                        "GPUs that each worker says it has. Default: a share of those that nvidia-smi finds, if it is there.")
        private int fakeGpus;

        @Option(names = "--port", paramLabel = "PORT", description = "Of the master. Default: 7077.")
        private int port;
    }

    /** {@code i2l cluster stop}. */
    @Command(
            name = "stop",
            mixinStandardHelpOptions = true,
            description = "Stops the cluster that 'scripts/i2l cluster start' started.")
    static final class StopCommand extends OfScript {}
}
