package org.i2lspark.jobs.generate;

import java.io.PrintWriter;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarConsumer;
import me.tongfei.progressbar.ProgressBarStyle;

/** A bar in the terminal's last line, which is cleared in the end. */
final class TerminalBar implements ProgressDisplay {
    private final Line line;
    private ProgressBar bar;
    private boolean closed;

    TerminalBar(PrintWriter out, int columns) {
        this.line = new Line(out, columns);
    }

    /**
     * The line that the bar has. The library's own would ask JLine for its width, and JLine takes Ctrl-C from the JVM: the
     * run would end without a word.
     */
    private record Line(PrintWriter out, int columns) implements ProgressBarConsumer {
        @Override
        public int getMaxRenderedLength() {
            // in the last column some terminals go on to the next line
            return columns - 1;
        }

        @Override
        public void accept(String rendered) {
            out.print("\r" + rendered);
            out.flush();
        }

        @Override
        public void close() {}
    }

    @Override
    public synchronized void show(Counts counts) {
        if (closed) {
            return;
        }
        if (bar == null) {
            bar = new ProgressBarBuilder()
                    .setInitialMax(counts.totalImages())
                    .setUnit(" images", 1)
                    .setStyle(ProgressBarStyle.ASCII)
                    .setConsumer(line)
                    .continuousUpdate()
                    .build();
        }
        bar.stepTo(counts.images());
        bar.setExtraMessage(String.format(
                Locale.ROOT,
                "%.2f/s, %d failed, %d/%d styles",
                counts.imagesPerSecond(),
                counts.failed(),
                counts.styles(),
                counts.totalStyles()));
    }

    @Override
    public synchronized void close() {
        if (bar != null && !closed) {
            bar.close();
            // the library would leave a bar that was drawn only once
            line.clear();
        }
        closed = true;
    }
}
