package org.i2lspark.jobs;

import java.util.Map;
import org.apache.spark.sql.SparkSession;

/** A Spark inside the test's JVM. */
public final class EmbeddedSpark {
    private EmbeddedSpark() {}

    public static SparkSession start() {
        return start(Map.of());
    }

    /** With more settings. */
    public static SparkSession start(Map<String, String> settings) {
        SparkSession.Builder builder = SparkSession.builder()
                .master("local[2]")
                .appName("test")
                .config("spark.ui.enabled", "false")
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.sql.session.timeZone", "UTC")
                .config("spark.sql.shuffle.partitions", "2");
        settings.forEach(builder::config);
        return builder.getOrCreate();
    }
}
