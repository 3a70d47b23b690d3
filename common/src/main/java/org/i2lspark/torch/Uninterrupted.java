package org.i2lspark.torch;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** Waits that an interruption does not end, because what is waited for uses memory that is freed afterwards. */
final class Uninterrupted {
    private Uninterrupted() {}

    /** The result; the thread is interrupted again when it is there. */
    static <T> T get(Future<T> future) throws ExecutionException {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return future.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
