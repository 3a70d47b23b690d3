package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.apache.spark.TaskContext;

/** Lets a task that Spark has cancelled end at its next step. */
final class Cancellation {
    private Cancellation() {}

    /** Ends this task if Spark has cancelled it. */
    static void check() throws InterruptedIOException {
        TaskContext context = TaskContext.get();
        if (Thread.currentThread().isInterrupted() || (context != null && context.isInterrupted())) {
            throw cancelled();
        }
    }

    /** Waits for a result, but not once this task is cancelled. */
    static <T> T await(CompletableFuture<T> future) throws IOException {
        try {
            return future.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw cancelled();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            if (e.getCause() instanceof UncheckedIOException problem) {
                throw problem.getCause();
            }
            if (e.getCause() instanceof RuntimeException problem) {
                throw problem;
            }
            throw new IOException(e.getCause());
        }
    }

    private static InterruptedIOException cancelled() {
        return new InterruptedIOException("the task was cancelled");
    }
}
