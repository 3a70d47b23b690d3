package org.i2lspark.jobs.generate;

import java.io.Serializable;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.i2lspark.jobs.UnusableException;
import org.i2lspark.jobs.options.ComputeOptions;
import org.i2lspark.jobs.options.ModelChoice;
import org.i2lspark.jobs.storage.ShippedStorage;
import org.i2lspark.jobs.storage.Storage;
import org.i2lspark.jobs.worker.GpuStage;
import org.i2lspark.jobs.worker.WorkOrder;

/**
 * What an executor says of model, device and decoder before any work begins.
 *
 * @param problem why the run cannot start there; null when it can
 * @param order how the run is carried out; null when it cannot start
 */
public record Preflight(String problem, WorkOrder order) implements Serializable {

    /** How an executor settles what is asked of the stack. */
    @FunctionalInterface
    public interface Way extends Serializable {
        WorkOrder settle(ComputeOptions options, ModelChoice choice, Storage storage) throws UnusableException;
    }

    /**
     * Asks one executor for model and device: the driver may have neither.
     *
     * @throws UnusableException if it cannot do what is asked
     */
    public static WorkOrder ask(SparkSession spark, ComputeOptions options, ModelChoice choice, Way way)
            throws UnusableException {
        ShippedStorage stores = ShippedStorage.of(spark);
        JavaRDD<Preflight> asked = JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelize(List.of(0), 1)
                .map(ignored -> of(way, options, choice, stores.here()));
        Preflight preflight =
                GpuStage.of(spark.sparkContext()).requireGpu(asked).first();
        if (preflight.problem() != null) {
            throw new UnusableException(preflight.problem());
        }
        return preflight.order();
    }

    private static Preflight of(Way way, ComputeOptions options, ModelChoice choice, Storage storage) {
        try {
            return new Preflight(null, way.settle(options, choice, storage));
        } catch (UnusableException e) {
            return new Preflight(e.getMessage(), null);
        }
    }
}
