package org.i2lspark.jobs.storage;

import java.io.Serializable;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;

/** The stores as the driver is set to reach them, for the tasks on its executors. */
public final class ShippedStorage implements Serializable {
    private static final long serialVersionUID = 1;

    private final Broadcast<SerializableConfiguration> configuration;
    private transient Storage here;

    private ShippedStorage(Broadcast<SerializableConfiguration> configuration) {
        this.configuration = configuration;
    }

    /** Ships the session's settings of stores. */
    public static ShippedStorage of(SparkSession spark) {
        return new ShippedStorage(JavaSparkContext.fromSparkContext(spark.sparkContext())
                .broadcast(new SerializableConfiguration(spark.sparkContext().hadoopConfiguration())));
    }

    /** The stores in the process of a task, which knows from then on what to blank in messages. */
    public synchronized Storage here() {
        if (here == null) {
            Configuration hadoop = configuration.value().value();
            Secrets.learn(hadoop);
            here = new Storage(hadoop);
        }
        return here;
    }
}
