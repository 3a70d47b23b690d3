package org.i2lspark.jobs.worker;

import java.util.concurrent.Semaphore;

/**
 * Memory that many share: who asks first is served first, and what is larger than the whole budget gets all of it, that is,
 * goes alone.
 */
final class ByteBudget {
    private static final int UNIT = 1 << 10;

    private final int units;
    private final Semaphore free;

    ByteBudget(long bytes) {
        this.units = units(bytes, Integer.MAX_VALUE);
        this.free = new Semaphore(units, true);
    }

    private static int units(long bytes, int most) {
        return (int) Math.max(1, Math.min(most, (bytes + UNIT - 1) / UNIT));
    }

    /** Waits until there is room for so many bytes; they are to be released. */
    void acquire(long bytes) {
        free.acquireUninterruptibly(units(bytes, units));
    }

    /** Takes so many bytes if there is room now; they are to be released then. */
    boolean tryAcquire(long bytes) {
        return free.tryAcquire(units(bytes, units));
    }

    void release(long bytes) {
        free.release(units(bytes, units));
    }

    /** Whether somebody waits for room. */
    boolean isShort() {
        return free.hasQueuedThreads();
    }
}
