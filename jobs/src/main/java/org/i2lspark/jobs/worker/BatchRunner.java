package org.i2lspark.jobs.worker;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.i2lspark.jobs.Problems;
import org.i2lspark.jobs.output.Failure;

/** Takes batches through a step of the stack, and finds the styles that it cannot do. */
final class BatchRunner {
    private final BatchStack stack;

    /** What the stack does with a batch: all of it, or nothing. */
    @FunctionalInterface
    interface Work<T> {
        void on(List<T> batch) throws IOException;
    }

    BatchRunner(BatchStack stack) {
        this.stack = stack;
    }

    /**
     * Works on a batch; if that fails, on each style's part of it. A style that fails alone is at fault only if the stack then
     * still works. If it does not, or its weights cannot be loaded, all styles of the batch are broken off.
     */
    <T> void run(List<T> batch, Function<T, StyleJob> job, Work<T> work) {
        Map<StyleJob, List<T>> byStyle = new LinkedHashMap<>();
        for (T part : batch) {
            if (job.apply(part).isOpen()) {
                byStyle.computeIfAbsent(job.apply(part), ignored -> new ArrayList<>())
                        .add(part);
            }
        }
        try {
            run(byStyle, work);
        } catch (Throwable e) {
            byStyle.keySet().forEach(style -> style.brokenOff(e));
        }
    }

    private <T> void run(Map<StyleJob, List<T>> byStyle, Work<T> work) throws IOException {
        if (byStyle.isEmpty()) {
            return;
        }
        try {
            work.on(byStyle.values().stream().flatMap(List::stream).toList());
        } catch (RuntimeException e) {
            runApart(byStyle, work, e);
        }
    }

    private <T> void runApart(Map<StyleJob, List<T>> byStyle, Work<T> work, RuntimeException cause) throws IOException {
        Map<StyleJob, RuntimeException> failed = new LinkedHashMap<>();
        if (byStyle.size() == 1) {
            failed.put(byStyle.keySet().iterator().next(), cause);
        } else {
            for (Map.Entry<StyleJob, List<T>> style : byStyle.entrySet()) {
                try {
                    work.on(style.getValue());
                } catch (RuntimeException e) {
                    failed.put(style.getKey(), e);
                }
            }
        }
        if (!failed.isEmpty()) {
            requireWorkingStack(failed.values().iterator().next());
        }
        failed.forEach((style, problem) -> style.failed(Failure.ofLora(problem)));
    }

    private void requireWorkingStack(RuntimeException cause) throws IOException {
        try {
            stack.probe();
        } catch (RuntimeException e) {
            IOException broken = new IOException(
                    "The stack fails on every image on this executor, a plain grey one too: %s; see the device and its memory there (--batch-size and --precision bfloat16 take less)"
                            .formatted(Problems.describe(e)),
                    e);
            broken.addSuppressed(cause);
            throw broken;
        }
    }
}
