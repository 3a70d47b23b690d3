package org.i2lspark.jobs.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class LoraUseTest {
    private static LoraUse use(String path, long first, long last) {
        return new LoraUse(path, first, last, false);
    }

    @Test
    void whatIsNotAmongTheNewestAndWasSupersededBeforeGoes() {
        List<LoraUse> all = List.of(use("b", 20, 30), use("d", 60, 70), use("a", 0, 10), use("c", 40, 50));
        assertThat(LoraUse.superseded(all, 1, 100)).containsExactly("c", "b", "a");
        assertThat(LoraUse.superseded(all, 3, 100)).containsExactly("a");
        assertThat(LoraUse.superseded(all, 4, 100)).isEmpty();
        assertThat(LoraUse.superseded(all, 9, 100)).isEmpty();
        // c took the place of b at 40
        assertThat(LoraUse.superseded(all, 1, 41)).containsExactly("b", "a");
        assertThat(LoraUse.superseded(all, 1, 40)).containsExactly("a");
    }

    @Test
    void whatRunsUseSideBySideStays() {
        assertThat(LoraUse.superseded(List.of(use("rank 4", 0, 90), use("rank 16", 1, 91)), 1, 100))
                .isEmpty();
    }

    @Test
    void whatTheNewestRunHasStays() {
        List<LoraUse> all = List.of(use("b", 20, 30), new LoraUse("a", 0, 10, true));
        assertThat(LoraUse.superseded(all, 1, 100)).isEmpty();
    }
}
