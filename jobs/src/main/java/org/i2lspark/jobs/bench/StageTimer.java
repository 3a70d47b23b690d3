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

    /** Work on one image. */
    record Named(String name, Work work) {}

    /** Times a stage: the median. */
    void time(String name, int batch, Cost cost, Work work) throws IOException {
        List<Double> milliseconds = new ArrayList<>();
        for (int i = -repeats; i < repeats; i++) {
            double took = milliseconds(work);
            if (i >= 0) {
                milliseconds.add(took);
            }
        }
        listener.accept(new Stage(name, batch, median(milliseconds) / batch, cost));
    }

    /** Times two ways to do the same, one after the other each time, so that both meet the same machine. */
    void timeInTurns(Named one, Named other) throws IOException {
        List<Double> ones = new ArrayList<>();
        List<Double> others = new ArrayList<>();
        for (int i = -repeats; i < repeats; i++) {
            double took = milliseconds(one.work());
            double tookOther = milliseconds(other.work());
            if (i >= 0) {
                ones.add(took);
                others.add(tookOther);
            }
        }
        listener.accept(new Stage(one.name(), 1, median(ones), Cost.NONE));
        listener.accept(new Stage(other.name(), 1, median(others), Cost.NONE));
    }

    private static double milliseconds(Work work) throws IOException {
        long start = System.nanoTime();
        work.run();
        return (System.nanoTime() - start) / 1e6;
    }

    private static double median(List<Double> all) {
        double[] sorted = all.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        return sorted[sorted.length / 2];
    }
}
