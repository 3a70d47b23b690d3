package org.i2lspark.jobs.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** Placeholder so that Main compiles. */
@Command(name = "bench")
final class BenchCommand implements Callable<Integer> {
    @Override
    public Integer call() {
        return 0;
    }
}
