package org.i2lspark.jobs.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.regex.Pattern;
import org.i2lspark.jobs.generate.ProgressDisplay.Counts;
import org.junit.jupiter.api.Test;

/** What is seen of a run's progress. */
class ProgressDisplayTest {
    private static final int COLUMNS = 80;

    private final StringWriter shown = new StringWriter();
    private final PrintWriter out = new PrintWriter(shown);

    private static Counts counts(long images, double seconds) {
        return new Counts(images / 2, 10, images, 20, images, 1, seconds);
    }

    @Test
    void aLogGetsALineWithTheFirstImageAndThenNowAndThen() {
        try (ProgressDisplay display = ProgressDisplay.lines(out)) {
            display.show(counts(0, 1));
            display.show(counts(1, 2));
            display.show(counts(2, 3));
            display.show(counts(8, 12));
        }
        assertThat(shown.toString().lines())
                .containsExactly(
                        "0/10 styles, 1/20 images (5 %), 1 failed, 0.50 images/s, ETA 0:00:38",
                        "4/10 styles, 8/20 images (40 %), 1 failed, 0.67 images/s, ETA 0:00:18");
    }

    @Test
    void aLogSaysAlsoThatNothingHasComeYet() {
        try (ProgressDisplay display = ProgressDisplay.lines(out)) {
            display.show(counts(0, 10));
            display.show(counts(0, 11));
        }
        assertThat(shown.toString().lines())
                .containsExactly("0/10 styles, 0/20 images (0 %), 1 failed, 0.00 images/s, ETA ?");
    }

    @Test
    void aLogHoldsNothingThatMovesACursor() {
        try (ProgressDisplay display = ProgressDisplay.lines(out)) {
            for (int i = 0; i <= 20; i++) {
                display.show(counts(i, i * 5));
            }
        }
        assertThat(shown.toString()).doesNotContain("\r", "\u001b");
    }

    @Test
    void aTerminalGetsABarThatIsClearedInTheEnd() {
        ProgressDisplay display = ProgressDisplay.bar(out, COLUMNS);
        display.show(counts(10, 20));
        display.close();
        String[] drawn = shown.toString().split("\r", -1);
        assertThat(drawn).anyMatch(line -> Pattern.matches(" +50% \\[=+>? *] 10/20 images \\(.*\\) 0\\.50/s.*", line));
        assertThat(drawn).allMatch(line -> line.length() < COLUMNS);
        assertThat(shown.toString()).doesNotContain("\n").endsWith(" ".repeat(COLUMNS - 1) + "\r");
    }

    @Test
    void aBarThatIsClosedStaysAway() {
        ProgressDisplay display = ProgressDisplay.bar(out, COLUMNS);
        display.show(counts(10, 20));
        display.close();
        String before = shown.toString();
        display.show(counts(11, 21));
        display.close();
        assertThat(shown.toString()).isEqualTo(before);
    }

    @Test
    void nothingIsShownOfAQuietRun() {
        try (ProgressDisplay display = ProgressDisplay.none()) {
            display.show(counts(10, 20));
        }
        assertThat(shown.toString()).isEmpty();
    }
}
