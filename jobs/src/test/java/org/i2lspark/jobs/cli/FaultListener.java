package org.i2lspark.jobs.cli;

import java.util.HashSet;
import java.util.Set;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import scala.jdk.javaapi.CollectionConverters;

/** Hurts the stage that generates LoRAs, as {@value #FAULT} says. Spark makes it, through {@code spark.extraListeners}. */
public final class FaultListener extends SparkListener {
    static final String FAULT = "spark.test.i2l.fault";
    static final String CANCEL_AFTER_A_TASK = "cancel-after-a-task";
    static final String KILL_FIRST_ATTEMPT = "kill-first-attempt";

    private final String fault;
    private final Set<Object> stages = new HashSet<>();

    public FaultListener(SparkConf conf) {
        this.fault = conf.get(FAULT);
    }

    @Override
    public void onJobStart(SparkListenerJobStart job) {
        String description = job.properties().getProperty("spark.job.description", "");
        if (description.startsWith("i2l: generate")) {
            stages.addAll(CollectionConverters.asJava(job.stageIds()));
        }
    }

    @Override
    public void onTaskStart(SparkListenerTaskStart start) {
        boolean first = start.taskInfo().index() == 0 && start.taskInfo().attemptNumber() == 0;
        if (fault.equals(KILL_FIRST_ATTEMPT) && stages.contains(start.stageId()) && first) {
            SparkContext.getOrCreate().killTaskAttempt(start.taskInfo().taskId(), false, "test");
        }
    }

    @Override
    public void onTaskEnd(SparkListenerTaskEnd end) {
        if (fault.equals(CANCEL_AFTER_A_TASK) && stages.contains(end.stageId())) {
            SparkContext.getOrCreate().cancelAllJobs();
        }
    }
}
