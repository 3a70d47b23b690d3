package org.i2lspark.jobs.generate;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;

/** A line with the first image, and then every {@value #SECONDS} seconds. */
final class ProgressLines implements ProgressDisplay {
    private static final int SECONDS = 10;

    private final PrintWriter out;
    private boolean begun;
    private double shown;

    ProgressLines(PrintWriter out) {
        this.out = out;
    }

    @Override
    public void show(Counts counts) {
        boolean first = !begun && counts.images() > 0;
        if (first || counts.seconds() >= shown + SECONDS) {
            begun |= first;
            shown = counts.seconds();
            out.println(line(counts));
            out.flush();
        }
    }

    private static String line(Counts counts) {
        double left = counts.seconds() / counts.share() - counts.seconds();
        return String.format(
                Locale.ROOT,
                "%d/%d styles, %d/%d images (%.0f %%), %d failed, %.2f images/s, ETA %s",
                counts.styles(),
                counts.totalStyles(),
                counts.images(),
                counts.totalImages(),
                100 * counts.share(),
                counts.failed(),
                counts.imagesPerSecond(),
                counts.images() == 0 ? "?" : clock(left));
    }

    private static String clock(double seconds) {
        Duration duration = Duration.ofSeconds(Math.max(0, Math.round(seconds)));
        return "%d:%02d:%02d".formatted(duration.toHours(), duration.toMinutesPart(), duration.toSecondsPart());
    }

    @Override
    public void close() {}
}
