package org.i2lspark.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ProblemsTest {
    @Test
    void whatChangesATerminalIsNotPrinted() {
        assertThat(Problems.printable("a\u001b[2Jb\rc\nd\u0000e\u009bf\u202eg\u2066h\u2028i"))
                .isEqualTo("a\uFFFD[2Jb\uFFFDc\uFFFDd\uFFFDe\uFFFDf\uFFFDg\uFFFDh\uFFFDi");
        assertThat(Problems.printable("Ünï 猫 '\"\\ 100 %")).isEqualTo("Ünï 猫 '\"\\ 100 %");
    }

    @Test
    void textOfSeveralLinesKeepsThem() {
        assertThat(Problems.printableLines("a\n\tb\u001b[2J\rc\u202e")).isEqualTo("a\n\tb\uFFFD[2J\uFFFDc\uFFFD");
    }
}
