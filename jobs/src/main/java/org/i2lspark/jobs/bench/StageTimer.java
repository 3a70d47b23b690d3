package org.i2lspark.jobs.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Times stages.
 *
 * @param repeats that are timed, after as many to warm up
 * @param listener is told each stage when it has been timed
 */
record StageTimer(int repeats, Consumer<Stage> listener) {
    /** Work of a batch, which ends when the device has done it. */
    @FunctionalInterface
    interface Work {
        void run() throws IOException;
    }

    /** Times a stage: the median. */
    void time(String name, int batch, Cost cost, Work work) throws IOException {
        List<Double> milliseconds = new ArrayList<>();
        for (int i = -repeats; i < repeats; i++) {
            long start = System.nanoTime();
            work.run();
            if (i >= 0) {
                milliseconds.add((System.nanoTime() - start) / 1e6);
            }
        }
        double[] sorted =
                milliseconds.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        listener.accept(new Stage(name, batch, sorted[sorted.length / 2] / batch, cost));
    }
}
