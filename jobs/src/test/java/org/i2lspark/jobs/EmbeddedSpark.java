package org.i2lspark.jobs;

import org.apache.spark.sql.SparkSession;

/** A Spark inside the test's JVM. */
public final class EmbeddedSpark {
    private EmbeddedSpark() {}

    public static SparkSession start() {
        return SparkSession.builder()
                .master("local[2]")
                .appName("test")
                .config("spark.ui.enabled", "false")
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.sql.session.timeZone", "UTC")
                .config("spark.sql.shuffle.partitions", "2")
                .getOrCreate();
    }
}
