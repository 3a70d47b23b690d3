package org.i2lspark.jobs.cli;

import java.io.PrintWriter;
import java.util.concurrent.TimeUnit;
import org.i2lspark.TextToImage.StepListener;

/** How far pictures are: in a terminal's line that is written over, else in a line now and then. */
final class StepLines implements StepListener {
    private static final long NANOS = TimeUnit.SECONDS.toNanos(10);

    private final PrintWriter out;
    private final String which;
    private final boolean terminal;
    private long shown = System.nanoTime() - NANOS;

    StepLines(PrintWriter out, String which, boolean terminal) {
        this.out = out;
        this.which = which;
        this.terminal = terminal;
    }

    @Override
    public void stepped(int done, int steps) {
        String line = "%sstep %d of %d".formatted(which, done, steps);
        if (terminal) {
            out.print("\r" + line + (done == steps ? "\r" + " ".repeat(line.length()) + "\r" : ""));
        } else if (System.nanoTime() - shown >= NANOS) {
            shown = System.nanoTime();
            out.println(line);
        }
        out.flush();
    }
}
