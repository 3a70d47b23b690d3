package org.i2lspark.jobs.generate;

import java.io.PrintWriter;

/** Shows a person how far a run has come. */
public interface ProgressDisplay extends AutoCloseable {
    /**
     * How far a run has come.
     *
     * @param styles that are done, skipped or failed
     * @param images of those, and those that went through the stack
     * @param embedded images that went through the stack
     * @param failed styles that failed
     * @param seconds since the run began
     */
    record Counts(
            long styles, long totalStyles, long images, long totalImages, long embedded, long failed, double seconds) {
        double share() {
            return totalImages == 0 ? 1 : (double) images / totalImages;
        }

        double imagesPerSecond() {
            return embedded / seconds;
        }
    }

    /** Takes note of the counts; this is called twice a second. */
    void show(Counts counts);

    /** Makes room for what is printed next. */
    @Override
    void close();

    /** Shows nothing. */
    static ProgressDisplay none() {
        return new ProgressDisplay() {
            @Override
            public void show(Counts counts) {}

            @Override
            public void close() {}
        };
    }

    /** A line now and then, for logs. */
    static ProgressDisplay lines(PrintWriter out) {
        return new ProgressLines(out);
    }

    /** A bar, for a terminal of a number of columns. */
    static ProgressDisplay bar(PrintWriter out, int columns) {
        return new TerminalBar(out, columns);
    }
}
