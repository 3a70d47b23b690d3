package org.i2lspark.jobs.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class FailureLimitTest {
    private final AtomicInteger stops = new AtomicInteger();

    private FailureLimit limit(double ratio, long styles) {
        FailureLimit limit = new FailureLimit(ratio, styles);
        limit.onExceeded(stops::incrementAndGet);
        return limit;
    }

    @Test
    void stopsOnceWhenTooManyFail() {
        FailureLimit limit = limit(0.05, 1000);
        limit.check(5, 10);
        assertThat(limit.isExceeded()).isFalse();
        limit.check(6, 10);
        limit.check(7, 11);
        assertThat(stops).hasValue(1);
        assertThat(limit.message("out"))
                .contains("6 of the first 10 styles failed")
                .contains("--max-failed-ratio 0.05");
    }

    @Test
    void aFewFailuresAmongManyAreAllowed() {
        FailureLimit limit = limit(0.05, 1000);
        limit.check(40, 800);
        assertThat(limit.isExceeded()).isFalse();
        limit.check(41, 800);
        assertThat(limit.isExceeded()).isTrue();
    }

    @Test
    void smallCatalogsCountAsWhole() {
        FailureLimit limit = limit(0.5, 4);
        limit.check(2, 2);
        assertThat(limit.isExceeded()).isFalse();
        limit.check(3, 3);
        assertThat(limit.isExceeded()).isTrue();
    }

    @Test
    void oneAllowsAll() {
        FailureLimit limit = limit(1, 4);
        limit.check(4, 4);
        assertThat(limit.isExceeded()).isFalse();
    }
}
