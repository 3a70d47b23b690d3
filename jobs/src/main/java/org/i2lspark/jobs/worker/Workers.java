package org.i2lspark.jobs.worker;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads of this process beside those that compute, for all its tasks. Who reads, decodes and writes wait for each other
 * nowhere, so each kind has its own. None of them calls libtorch, which would give each a pool of threads.
 */
final class Workers {
    private static final int HALF_THE_CORES = Runtime.getRuntime().availableProcessors() / 2;
    private static final int IDLE_SECONDS = 30;

    /** Read images and receipts: they wait for stores. */
    static final ExecutorService READERS = pool("i2l-reader", Math.max(4, HALF_THE_CORES));

    /** Have images decoded, each in a process of its own, which takes a core. */
    static final ExecutorService DECODERS = pool("i2l-decoder", Math.max(2, HALF_THE_CORES));

    /** Hash and write LoRAs: half work, half waiting for stores. */
    static final ExecutorService WRITERS = pool("i2l-writer", Math.max(4, HALF_THE_CORES));

    private Workers() {}

    private static ExecutorService pool(String name, int size) {
        AtomicInteger number = new AtomicInteger();
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                size, size, IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), runnable -> {
                    Thread thread = new Thread(runnable, name + "-" + number.getAndIncrement());
                    thread.setDaemon(true);
                    return thread;
                });
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }
}
