package org.i2lspark.jobs.worker;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ByteBudgetTest {
    private final ByteBudget budget = new ByteBudget(4 << 10);

    @Test
    void givesWhatThereIs() {
        assertThat(budget.tryAcquire(3 << 10)).isTrue();
        assertThat(budget.tryAcquire(2 << 10)).isFalse();
        assertThat(budget.tryAcquire(1 << 10)).isTrue();
        budget.release(3 << 10);
        assertThat(budget.tryAcquire(3 << 10)).isTrue();
    }

    @Test
    void whatIsLargerThanAllOfItGoesAlone() {
        assertThat(budget.tryAcquire(Long.MAX_VALUE / 2)).isTrue();
        assertThat(budget.tryAcquire(1)).isFalse();
        budget.release(Long.MAX_VALUE / 2);
        assertThat(budget.tryAcquire(1)).isTrue();
        assertThat(budget.tryAcquire(Long.MAX_VALUE / 2)).isFalse();
    }

    @Test
    void whoWaitsForMuchIsNotPassedByThoseWhoWaitForLittle() throws InterruptedException {
        budget.acquire(1);
        Thread large = new Thread(() -> budget.acquire(4 << 10));
        large.start();
        awaitWaiting();
        Thread small = new Thread(() -> budget.acquire(1));
        small.start();
        while (small.getState() != Thread.State.WAITING) {
            Thread.onSpinWait();
        }
        assertThat(budget.isShort()).isTrue();
        budget.release(1);
        large.join();
        assertThat(small.isAlive()).isTrue();
        budget.release(4 << 10);
        small.join();
    }

    private void awaitWaiting() {
        while (!budget.isShort()) {
            Thread.onSpinWait();
        }
    }
}
