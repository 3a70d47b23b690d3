package org.i2lspark.jobs.cli;

import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.SparkContext;
import org.apache.spark.TaskContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.api.plugin.SparkPlugin;

/**
 * Hurts the stage that generates LoRAs in local mode, as {@value #FAULT} says. Unlike a listener it is asked on the thread
 * of the task, which it keeps until the fault has reached it.
 */
public final class FaultPlugin implements SparkPlugin {
    static final String FAULT = "spark.test.i2l.fault";
    static final String CANCEL_AFTER_A_TASK = "cancel-after-a-task";
    static final String KILL_FIRST_ATTEMPT = "kill-first-attempt";

    private static final AtomicInteger STRUCK = new AtomicInteger();

    /** How often a fault has struck since this was asked last. */
    static int struck() {
        return STRUCK.getAndSet(0);
    }

    @Override
    public DriverPlugin driverPlugin() {
        return null;
    }

    @Override
    public ExecutorPlugin executorPlugin() {
        return new Faults();
    }

    private static final class Faults implements ExecutorPlugin {
        private final AtomicInteger tasks = new AtomicInteger();
        private String fault;

        @Override
        public void init(PluginContext context, Map<String, String> extra) {
            fault = context.conf().get(FAULT);
        }

        @Override
        public void onTaskStart() {
            TaskContext task = TaskContext.get();
            String job = task.getLocalProperty("spark.job.description");
            if (job == null || !job.startsWith("i2l: generate")) {
                return;
            }
            int before = tasks.getAndIncrement();
            if (fault.equals(CANCEL_AFTER_A_TASK) && before == 1) {
                SparkContext.getOrCreate().cancelAllJobs();
                awaitInterruption(task);
            } else if (fault.equals(KILL_FIRST_ATTEMPT) && before == 0) {
                SparkContext.getOrCreate().killTaskAttempt(task.taskAttemptId(), false, "test");
                awaitInterruption(task);
            }
        }

        private static void awaitInterruption(TaskContext task) {
            STRUCK.incrementAndGet();
            while (!task.isInterrupted()) {
                try {
                    Thread.sleep(10);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    return;
                }
            }
        }
    }
}
