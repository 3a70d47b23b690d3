package org.i2lspark.jobs.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.Properties;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskContext$;
import org.apache.spark.TaskContextImpl;
import org.apache.spark.executor.TaskMetrics;
import org.apache.spark.resource.ResourceInformation;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.DeviceChoice;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import scala.jdk.javaapi.CollectionConverters;

class GpuStageTest {
    @AfterEach
    void end() {
        TaskContext$.MODULE$.unset();
    }

    @Test
    void aTaskUsesTheGpuThatItWasGiven() {
        begin(Map.of("gpu", new ResourceInformation("gpu", new String[] {"3"})));
        assertThat(GpuStage.indexes(DeviceChoice.GPU)).containsExactly(3);
        assertThatThrownBy(() -> DeviceChoice.GPU.resolve(GpuStage.first()))
                .hasMessageStartingWith("Cannot use GPU 3: ");
    }

    @Test
    void aTaskThatWasGivenNoneUsesTheFirst() {
        assertThat(GpuStage.indexes(DeviceChoice.GPU)).containsExactly(0);
        begin(Map.of("fpga", new ResourceInformation("fpga", new String[] {"3"})));
        assertThat(GpuStage.indexes(DeviceChoice.GPU)).containsExactly(0);
    }

    @Test
    void tasksOfDataFramesMustBeGivenTheGpusOfTheirExecutors() throws UnusableException {
        SparkConf conf = new SparkConf(false);
        GpuStage.requireGivenToTasks(conf, DeviceChoice.GPU);
        conf.set("spark.executor.resource.gpu.amount", "2");
        GpuStage.requireGivenToTasks(conf, DeviceChoice.CPU);
        assertThatThrownBy(() -> GpuStage.requireGivenToTasks(conf, DeviceChoice.GPU))
                .isInstanceOf(UnusableException.class)
                .hasMessageContaining("set spark.task.resource.gpu.amount, to 0.5 for 2 tasks");
        conf.set("spark.task.resource.gpu.amount", "0.5");
        GpuStage.requireGivenToTasks(conf, DeviceChoice.GPU);
    }

    private static void begin(Map<String, ResourceInformation> resources) {
        TaskContext task = new TaskContextImpl(
                0,
                0,
                0,
                0,
                0,
                1,
                null,
                new Properties(),
                null,
                TaskMetrics.empty(),
                1,
                scala.collection.immutable.Map.from(CollectionConverters.asScala(resources)));
        TaskContext$.MODULE$.setTaskContext(task);
    }
}
