package org.i2lspark.jobs.cli;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.UnusableException;
import picocli.CommandLine.Mixin;

/** A command on LoRA files. What it cannot read or write is the user's to mend, so it is told in one line. */
abstract class LoraTool implements Callable<Integer> {
    @Mixin
    private StoreOptions storeOptions;

    @Mixin
    private ReportOptions report;

    abstract void run(LoraStore store) throws IOException;

    @Override
    public final Integer call() throws UnusableException {
        try {
            run(new LoraStore(Sessions.storage(storeOptions.settings())));
            return 0;
        } catch (UnusableException e) {
            throw e;
        } catch (IOException e) {
            throw new UnusableException(Problems.describe(e), e);
        }
    }

    final ReportOptions report() {
        return report;
    }
}
