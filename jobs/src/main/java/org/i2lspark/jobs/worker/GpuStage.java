package org.i2lspark.jobs.worker;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.resource.ResourceInformation;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.resource.ResourceProfileBuilder;
import org.apache.spark.resource.TaskResourceRequests;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.DeviceChoice;
import org.i2lspark.torch.Torch;

/**
 * How the stage that runs the stack is placed: two tasks share a GPU and its part of the executor's cores, for while one begins or
 * ends the other keeps the GPU busy. Planning and manifest take no GPU. Where executors have no GPUs, and in local mode, which
 * knows no resources, tasks are placed as any.
 */
public final class GpuStage {
    private static final String GPU = "gpu";
    private static final String DRIVER = "driver";
    private static final String EXECUTOR_GPUS = "spark.executor.resource.gpu.amount";
    private static final String TASK_GPUS = "spark.task.resource.gpu.amount";
    private static final String EXECUTOR_CORES = "spark.executor.cores";

    private static final int TASKS_A_GPU = 2;

    private final ResourceProfile profile;

    private GpuStage(ResourceProfile profile) {
        this.profile = profile;
    }

    public static GpuStage of(SparkContext context) {
        SparkConf conf = context.getConf();
        int gpus = conf.getInt(EXECUTOR_GPUS, 0);
        if (gpus == 0 || context.isLocal()) {
            return new GpuStage(null);
        }
        TaskResourceRequests task = new TaskResourceRequests()
                .cpus(Math.max(1, conf.getInt(EXECUTOR_CORES, 1) / (TASKS_A_GPU * gpus)))
                .resource(GPU, 1.0 / TASKS_A_GPU);
        return new GpuStage(new ResourceProfileBuilder().require(task).build());
    }

    /**
     * Requires that tasks of DataFrames, which have no stages of their own, are given the GPUs of their executors: else all would
     * take the first.
     *
     * @param conf of a cluster: local mode gives none, and its tasks share all
     * @throws UnusableException if they are not
     */
    public static void requireGivenToTasks(SparkConf conf, DeviceChoice device) throws UnusableException {
        if (conf.getInt(EXECUTOR_GPUS, 0) > 0 && device == DeviceChoice.GPU && conf.getDouble(TASK_GPUS, 0) <= 0) {
            throw new UnusableException(
                    "Cannot tell which GPU a task is to use: set %s, to %s for %d tasks that share one, or take the device cpu"
                            .formatted(TASK_GPUS, 1.0 / TASKS_A_GPU, TASKS_A_GPU));
        }
    }

    public <T> JavaRDD<T> requireGpu(JavaRDD<T> rdd) {
        return profile == null ? rdd : rdd.withResources(profile);
    }

    /**
     * The indexes of the GPUs that this process may use, as far as its task knows: the one that it was given; in local mode, which
     * gives none, all that there are; else the first.
     */
    static List<Integer> indexes(DeviceChoice device) {
        TaskContext context = TaskContext.get();
        Map<String, ResourceInformation> resources = context == null ? Map.of() : context.resourcesJMap();
        ResourceInformation given = resources.get(GPU);
        if (given != null) {
            return Arrays.stream(given.addresses()).map(Integer::valueOf).toList();
        }
        boolean all = device == DeviceChoice.GPU && isLocal();
        return IntStream.range(0, all ? Math.max(1, Torch.usableGpus()) : 1)
                .boxed()
                .toList();
    }

    /** The GPU that is asked first. */
    static int first() {
        return indexes(DeviceChoice.AUTO).get(0);
    }

    private static boolean isLocal() {
        SparkEnv env = SparkEnv.get();
        return env != null && env.executorId().equals(DRIVER);
    }
}
