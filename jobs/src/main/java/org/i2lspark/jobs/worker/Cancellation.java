package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CompletionException;
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

    /** What a task is to fail with when one of its steps, in another thread, failed. */
    static IOException failure(Throwable problem) {
        if (problem instanceof CompletionException && problem.getCause() != null) {
            return failure(problem.getCause());
        }
        if (problem instanceof Error error) {
            throw error;
        }
        if (problem instanceof UncheckedIOException unchecked) {
            return unchecked.getCause();
        }
        if (problem instanceof RuntimeException unchecked) {
            throw unchecked;
        }
        return problem instanceof IOException checked ? checked : new IOException(problem);
    }

    private static InterruptedIOException cancelled() {
        return new InterruptedIOException("the task was cancelled");
    }
}
