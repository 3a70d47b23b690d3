package org.i2lspark.jobs.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletionException;
import org.i2lspark.jobs.output.Failure.ErrorClass;
import org.junit.jupiter.api.Test;

class FailureTest {
    @Test
    void aBugIsToldWithItsPlace() {
        Failure failure = Failure.ofLora(new IllegalStateException("no such module"));
        assertThat(failure.errorClass()).isEqualTo(ErrorClass.INTERNAL);
        assertThat(failure.message()).matches("no such module \\(at FailureTest:[0-9]+\\)");
    }

    @Test
    void aBugOnTheWayThroughTheLibraryAndAnotherThreadIsToldWithOurPlace() {
        Failure failure = Failure.ofImage(
                "a.png", new CompletionException(thrownBy(() -> List.of(1).get(3))));
        assertThat(failure.errorClass()).isEqualTo(ErrorClass.INTERNAL);
        assertThat(failure.message()).startsWith("a.png: ").matches(".* \\(at FailureTest:[0-9]+\\)");
    }

    @Test
    void whatIsNoBugHasNoPlace() {
        assertThat(Failure.ofLora(new IOException("the store is gone")).message())
                .isEqualTo("the store is gone");
        assertThat(Failure.ofImage("a.png", new IOException("the store is gone"))
                        .message())
                .isEqualTo("a.png: the store is gone");
    }

    private static RuntimeException thrownBy(Runnable bug) {
        try {
            bug.run();
            throw new AssertionError("it runs");
        } catch (RuntimeException e) {
            return e;
        }
    }
}
